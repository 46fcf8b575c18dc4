"""A message's words without guessed punctuation, the tokens that end it, and the scale of the probability."""

import pytest

from vivavoce_api import Message
from vivavoce_api.endings import ends_message, rescaled, unfinished, unpunctuated


@pytest.mark.parametrize(
    ("text", "words"), [("I went to the shop. ", "I went to the shop"), ("... ?!", ""), ("At 3.5", "At 3.5")]
)
def test_guessed_punctuation_is_taken_off(text: str, words: str) -> None:
    assert unpunctuated(text) == words


def test_only_the_last_message_is_unfinished() -> None:
    first, last = Message("user", "Hello."), Message("user", "And you?")
    assert unfinished([first, last]) == [first, Message("user", "And you")]


@pytest.mark.parametrize("token", ["", ".", " ?", "\n", ".\n", "。", "<|im_end|>", "</s>"])
def test_these_end_a_message(token: str) -> None:
    assert ends_message(token)


@pytest.mark.parametrize("token", [" and", ",", "a.", "<b>", " "])
def test_these_do_not(token: str) -> None:
    assert not ends_message(token)


def test_odds_are_rescaled_within_0_and_1() -> None:
    assert rescaled(0.25, 3) == pytest.approx(0.5)
    assert [rescaled(p, 2.6) for p in (0.0, 1.0)] == [0.0, 1.0]
    assert rescaled(0.3, 1) == pytest.approx(0.3)
