"""Conversations that have become too long: what is left out, and what never is."""

from __future__ import annotations

import pytest
from vivavoce_vllm.shortening import Shortening

from vivavoce_api import Message, ToolCall

SYSTEM = [Message("system", "Be kind. " * 50), Message("system", "Be brief.")]


def talk(*texts: str) -> list[Message]:
    return [Message("user" if n % 2 == 0 else "assistant", text) for n, text in enumerate(texts)]


def shortened(messages: list[Message]) -> list[Message]:
    shortening = Shortening()
    assert shortening.cut(messages)
    return list(shortening.of(messages))


def test_nothing_is_left_out_before_it_must() -> None:
    assert Shortening().of([*SYSTEM, *talk("a", "b", "c")]) == [*SYSTEM, *talk("a", "b", "c")]


def test_instructions_and_the_newest_half_stay() -> None:
    history = talk(*(f"{n:02}" for n in range(21)))
    assert shortened([*SYSTEM, *history]) == [*SYSTEM, *history[12:]]


def test_what_was_said_last_stays_however_long_it_is() -> None:
    history = talk("a", "b", "c" * 1000)
    assert shortened([*SYSTEM, *history]) == [*SYSTEM, history[2]]


@pytest.mark.parametrize("messages", [[], SYSTEM, [*SYSTEM, Message("user", "a" * 9999)]])
def test_what_can_not_be_shortened_is_not(messages: list[Message]) -> None:
    assert not Shortening().cut(messages)


def test_a_tools_answer_never_stands_without_its_call() -> None:
    call = ToolCall("id", "clock", "{}")
    with_tool = [
        Message("assistant", "", (call,)),
        Message("tool", "noon", tool_call_id="id"),
        Message("assistant", "x"),
    ]
    history = [Message("user", "a" * 20), *with_tool, Message("user", "b" * 20), *with_tool, Message("user", "c")]
    kept = shortened([*SYSTEM, *history])
    assert kept == [*SYSTEM, *history[8:]]


def test_later_histories_are_cut_at_the_same_place_until_that_is_too_much() -> None:
    shortening, history = Shortening(), talk(*(f"{n:02}" for n in range(21)))
    shortening.cut([*SYSTEM, *history])
    longer = [*history, *talk("21", "22")[::-1]]
    assert shortening.of([*SYSTEM, *longer]) == [*SYSTEM, *longer[12:]]
    assert shortening.cut([*SYSTEM, *longer])
    assert list(shortening.of([*SYSTEM, *longer])) == [*SYSTEM, *longer[18:]]


def test_another_conversation_is_whole() -> None:
    shortening = Shortening()
    shortening.cut([*SYSTEM, *talk("a", "b", "c")])
    assert shortening.of(talk("d", "e", "f")) == talk("d", "e", "f")
