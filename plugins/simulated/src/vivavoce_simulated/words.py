"""Words of a streamed text, each with the moment from which it could be spoken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from vivavoce_api import EngineError, clauses

MAX_WORD_CHARS = 100
MAX_PENDING_WORDS = 1000

_WHOLE_WORD = re.compile(rf"\s*(\S{{{MAX_WORD_CHARS}}}|\S+(?=\s))")


@dataclass(frozen=True, slots=True)
class Word:
    """`text` without white space; `known_s`: when the loop's clock showed that it could be spoken."""

    text: str
    known_s: float


async def whole_words(text: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    """Each word as soon as white space follows it or the text has ended; over 100 characters long, in parts."""
    buffer = ""
    async for piece in text:
        buffer += piece
        end = 0
        while match := _WHOLE_WORD.match(buffer, end):
            end = match.end()
            yield [match[1]]
        buffer = buffer[end:]
    if buffer.strip():
        yield [buffer.strip()]


async def words_of_clauses(text: AsyncIterator[str]) -> AsyncIterator[list[str]]:
    """The words of each clause, when the clause has ended."""
    async for clause in clauses(text):
        yield clause.split()


class WordReader:
    """Reads a text ahead of the voice: at most 1,000 words."""

    def __init__(self, text: AsyncIterator[str], *, streams_text: bool) -> None:
        self._words: asyncio.Queue[Word | None] = asyncio.Queue(MAX_PENDING_WORDS)
        units = whole_words(text) if streams_text else words_of_clauses(text)
        self._task = asyncio.create_task(self._read(units))

    async def _read(self, units: AsyncIterator[list[str]]) -> None:
        try:
            async for unit in units:
                now_s = asyncio.get_running_loop().time()
                for word in unit:
                    await self._words.put(Word(word, now_s))
        finally:
            if self._words.empty():  # somebody may be waiting for a word that will not come
                self._words.put_nowait(None)

    def known(self) -> Word | None:
        """The next word, if there is one already."""
        return None if self._words.empty() else self._words.get_nowait()

    async def wait(self) -> Word | None:
        """The next word; None at the end. What the text raised comes through; `EngineError` after `stop`."""
        if not (self._task.done() and self._words.empty()):
            word = await self._words.get()
            if word is not None:
                return word
        await asyncio.wait([self._task])
        if self._task.cancelled():
            raise EngineError("the session was closed")
        self._task.result()
        return None

    def stop(self) -> None:
        """Read no further; wakes whoever waits for a word."""
        self._task.cancel()

    async def aclose(self) -> None:
        """Stop, and wait for it."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
