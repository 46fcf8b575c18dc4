"""Clauses: where a text that is still being written can already be spoken."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

LATER_CLAUSE_CHARS = 80
"""After the first clause, a comma closes one only when this many characters came: prosody wants whole sentences."""

# Where a clause may end: after a line, after punctuation (and the quotes, brackets and asterisks that close with it)
# that white space follows, after full-width punctuation. So "3.5", "12:30" and "1,000" never split. A comma behind a
# letter needs no white space after it: the next token need not be waited for.
_CLOSERS = r"[\"'”’»)\]*_]*"
_BOUNDARY = re.compile(
    rf"(?P<line>\n)|(?P<sentence>[.!?…]{_CLOSERS}(?=\s)|[。！？])|(?P<clause>(?<=[^\W\d]),|[,;:—–]{_CLOSERS}(?=\s)|[，、；：])"
)
# Full stops that end no sentence: titles and initials ("Dr. Who", "J. Smith"; but "So do I."), list numbers ("1. Tea").
_NO_END = re.compile(
    r"(?:(?:^|[\s(\"'“‘*])(?:Mr|Mrs|Ms|Dr|Prof|St|Gen|Capt|Lt|Rev|Hon|vs|e\.g|i\.e|cf|[A-HJ-Z])|(?:^|\n)\s*\d{1,3})\.$"
)
# Those that end one only when a new sentence visibly begins: "at 5 p.m. we eat" against "at 5 p.m. We eat".
_END_BEFORE_CAPITAL = re.compile(
    r"(?:^|[\s(\"'“‘*])(?:etc|approx|a\.m|p\.m|Inc|Ltd|Co|Corp|Jr|Sr|Fig|No|Nos|(?:[A-Z]\.)+[A-Z])\.$"
)
_LONGEST_ABBREVIATION = 16


def next_clause(text: str, *, first: bool, min_chars: int = 3, max_chars: int = 240) -> int:
    """How many characters of `text` can be spoken now, as one clause; 0 when it is too early to say.

    A sentence or line end closes a clause. So does a comma or the like, when `first` (the reply has not begun to
    sound, so every word counts) once `min_chars` came, later once 80 did. Beyond `max_chars` the last space does.
    Looks at no more than `max_chars` + 1 characters, and so gives the same clauses however the text was cut up.
    """
    window = text[: max_chars + 1]
    comma_from = min_chars if first else max(min_chars, LATER_CLAUSE_CHARS)
    for boundary in _BOUNDARY.finditer(window):
        end = boundary.end()
        if end > max_chars:
            break
        if boundary["clause"] and end < comma_from:
            continue
        if boundary["sentence"] and not _ends_sentence(window, end):
            continue
        if _has_words(window, end):
            return end
    if len(window) > max_chars:
        return window.rfind(" ", 0, max_chars) + 1 or max_chars
    return 0


def _has_words(window: str, end: int) -> bool:
    return any(character.isalnum() for character in window[:end])


def _ends_sentence(window: str, end: int) -> bool:
    before = window[max(0, end - _LONGEST_ABBREVIATION) : end].rstrip("\"'”’»)]*_")
    if _NO_END.search(before):
        return False
    if _END_BEFORE_CAPITAL.search(before):
        after = window[end:].lstrip().lstrip("\"'“‘«([*_")
        return bool(after) and after[0].isupper()
    return True


async def clauses(text: AsyncIterator[str], *, min_chars: int = 3, max_chars: int = 240) -> AsyncIterator[str]:
    """The clauses of a streamed text, each stripped and non-empty; the rest comes when the stream ends.

    White space aside, they join to the text. Holds no more than `max_chars` characters beside the newest piece;
    takes time linear in the text's length. What `text` raises comes through; closing leaves `text` to its owner.
    """
    buffer, first = "", True
    async for piece in text:
        for start in range(0, len(piece), max_chars):
            buffer += piece[start : start + max_chars]
            while length := next_clause(buffer, first=first, min_chars=min_chars, max_chars=max_chars):
                clause, buffer = buffer[:length].strip(), buffer[length:]
                if clause:
                    yield clause
                    first = False
    if buffer.strip():
        yield buffer.strip()
