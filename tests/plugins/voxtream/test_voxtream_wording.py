"""Whole words from pieces, and what of them can be spoken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from vivavoce_voxtream.wording import LONGEST_WORD, ends_clause, ends_sentence, speakable, whole_words


def words(*pieces: str) -> list[str]:
    async def text() -> AsyncIterator[str]:
        for piece in pieces:
            yield piece

    async def read() -> list[str]:
        return [word async for word in whole_words(text())]

    return asyncio.run(read())


@pytest.mark.parametrize(
    "pieces",
    [
        ("Hello there, my friend. ", "How are you?"),
        tuple("Hello there, my friend. How are you?"),
        ("Hello", " there", ",", " my", " friend", ".", "\n\n", "How are", " you", "?"),
        ("  Hello there, ", "my friend.   How ", "are you?  "),
    ],
    ids=["sentences", "letters", "tokens", "blanks"],
)
def test_words_are_whole_and_keep_their_punctuation(pieces):
    assert words(*pieces) == ["Hello", "there,", "my", "friend.", "How", "are", "you?"]


def test_a_word_comes_as_soon_as_it_is_whole():
    asked: list[str] = []

    async def text() -> AsyncIterator[str]:
        for piece in ("One", " two", " three"):
            asked.append(piece)
            yield piece

    async def first() -> str:
        return await anext(whole_words(text()))

    assert asyncio.run(first()) == "One"
    assert asked == ["One", " two"]


def test_no_word_of_nothing():
    assert words() == words("", " ", "\n") == []


def test_what_has_no_blanks_is_cut():
    parts = words("x" * 250, "y" * 100)
    assert "".join(parts) == "x" * 250 + "y" * 100
    assert max(map(len, parts)) == LONGEST_WORD


@pytest.mark.parametrize(
    ("word", "spoken"),
    [
        ("Hello,", "Hello,"),
        ("**really**", "really"),
        ("_so_", "so"),
        ("café", "café"),
        ("don’t", "don’t"),
        ("£20", "£20"),
        ("😀", ""),
        ("—", ""),
        ("...", ""),
        ("你好", ""),
        ("Привет,", ""),
        ("hi😀", "hi"),
    ],
)
def test_what_can_be_spoken(word, spoken):
    assert speakable(word) == spoken


def test_ends():
    assert all(map(ends_sentence, ["end.", 'end."', "end?)", "end!", "end…"]))
    assert not any(map(ends_sentence, ["end", "end,", "3.5"]))
    assert all(map(ends_clause, ["end.", "end,", "end;", "end:", "end —"]))
    assert not any(map(ends_clause, ["end", "well-known"]))
