"""Clauses of a streamed text. `|` marks where a clause ends."""

import asyncio
import random
import sys
from collections.abc import AsyncIterator, Sequence

import pytest

from vivavoce_api import clauses, next_clause


async def streamed(pieces: Sequence[str]) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


def split(pieces: Sequence[str]) -> list[str]:
    async def collect() -> list[str]:
        return [clause async for clause in clauses(streamed(pieces))]

    return asyncio.run(collect())


CASES = [
    "Hello.|How are you?|Fine!",
    "Well,|my friend, I am glad, really, to see you.",
    "I saw Dr. Who with Mr. Smith e.g. at J. Miller's.|Then I left.",
    "So do I.|It is plan B. That is all.",
    "We eat at 5 p.m. today.|We eat at 6 p.m.|Then we sleep.",
    "The U.S. is large.|I live in the U.S.|It is large.",
    "No.|I won't read No. 5 again.",
    "It costs 3.5 or 1,000 at 12:30 in v2.0 of it.",
    '"Is that so?"|She said (yes, really.)|**Bold.**|Next.',
    "Wait...|what?!|Well",
    "1. Tea|2. Coffee|- milk",
    "你好。|我很好！|谢谢",
    "no punctuation at all",
    "no space after the end.",
    "... what",
]


@pytest.mark.parametrize("marked", CASES)
def test_clauses_are_the_same_however_the_text_is_cut_up(marked: str) -> None:
    expected = marked.split("|")
    text = "".join(f"{clause}\n" if clause[0] in "12-" else f"{clause} " for clause in expected).rstrip()
    assert split([text]) == expected
    assert split(list(text)) == expected
    cut = random.Random(marked)
    for _ in range(20):
        at = sorted(cut.sample(range(len(text) + 1), 4))
        assert split([text[a:b] for a, b in zip([0, *at], [*at, len(text)], strict=True)]) == expected


@pytest.mark.parametrize("pieces", [[], [""], [" ", "\n\n", ""]])
def test_no_text_has_no_clause(pieces: list[str]) -> None:
    assert split(pieces) == []


def test_a_comma_counts_early_only_in_the_first_clause() -> None:
    text = "Of course you can, and then "
    assert next_clause(text, first=True) == len("Of course you can,")
    assert next_clause(text, first=False) == 0
    assert next_clause("Oh, yes", first=True) == len("Oh,")
    assert next_clause("Oh, yes", first=True, min_chars=12) == 0


def test_the_first_comma_does_not_wait_for_the_next_token() -> None:
    assert next_clause("Oh,", first=True) == len("Oh,")
    assert next_clause("In 1,", first=True) == 0, "it may become 1,000"


def test_later_clauses_may_end_at_a_comma_when_they_are_long() -> None:
    text = "word " * 17 + "word, and more"
    assert next_clause(text, first=False) == text.index(",") + 1


@pytest.mark.parametrize("word", ["word ", "x"])
def test_without_punctuation_it_is_cut_at_a_length(word: str) -> None:
    text = word * (5000 // len(word))
    parts = split(list(text))
    assert max(len(part) for part in parts) <= 240
    assert "".join(parts).replace(" ", "") == text.replace(" ", "")


def test_work_is_linear_in_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: no call looks at more than one window and the newest piece."""
    longest = 0

    def counting(text: str, **limits: int) -> int:
        nonlocal longest
        longest = max(longest, len(text))
        return next_clause(text, **limits)  # type: ignore[arg-type]

    monkeypatch.setattr(sys.modules["vivavoce_api.clauses"], "next_clause", counting)
    assert split(["some words, and more; " * 10_000])
    assert longest <= 2 * 240


def test_an_error_of_the_stream_comes_through() -> None:
    async def broken() -> AsyncIterator[str]:
        yield "One. Two"
        raise LookupError("gone")

    async def collect() -> list[str]:
        return [clause async for clause in clauses(broken())]

    with pytest.raises(LookupError, match="gone"):
        asyncio.run(collect())
