"""Clauses: where a text that is still being written can already be spoken."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

# A clause may end after this punctuation when white space follows; "3.5", "e.g. so" and "Dr. Who" must not split.
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*(?=\s)")
_CLAUSE_END = re.compile(r"[,;:—–][\"'”’)\]]*(?=\s)")
_LINE_END = re.compile(r"\n")
_ABBREVIATION = re.compile(r"(?:^|[\s(\"'])(?:Mr|Mrs|Ms|Dr|Prof|St|vs|etc|e\.g|i\.e|No|[A-Z])\.$")


def next_clause(text: str, *, first: bool, min_chars: int = 12, max_chars: int = 240) -> int:
    """How many characters of `text` can be spoken now, as one clause; 0 when it is too early to say.

    A sentence end always closes a clause; a comma or the like only when `first` (the reply has not begun to
    sound, so every word counts) and at least `min_chars` came; beyond `max_chars` the last space does.
    """
    for match in sorted([*_SENTENCE_END.finditer(text), *_LINE_END.finditer(text)], key=lambda m: m.end()):
        if match.group() != "\n" and _ABBREVIATION.search(text[: match.end()]):
            continue
        if text[: match.end()].strip():
            return match.end()
    if first:
        for match in _CLAUSE_END.finditer(text):
            if match.end() >= min_chars:
                return match.end()
    if len(text) > max_chars:
        return text.rfind(" ", 0, max_chars) + 1 or max_chars
    return 0


async def clauses(text: AsyncIterator[str], *, min_chars: int = 12, max_chars: int = 240) -> AsyncIterator[str]:
    """The clauses of a streamed text, each stripped and non-empty; the rest comes when the stream ends."""
    buffer, first = "", True
    async for piece in text:
        buffer += piece
        while length := next_clause(buffer, first=first, min_chars=min_chars, max_chars=max_chars):
            clause, buffer = buffer[:length].strip(), buffer[length:]
            if clause:
                yield clause
                first = False
    while len(buffer) > max_chars:
        length = buffer.rfind(" ", 0, max_chars) + 1 or max_chars
        clause, buffer = buffer[:length].strip(), buffer[length:]
        if clause:
            yield clause
    if buffer.strip():
        yield buffer.strip()
