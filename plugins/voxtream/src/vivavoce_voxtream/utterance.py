"""One reply on its way from the event loop to the generator's thread and back: words in, chunks of sound out."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from vivavoce_api import AudioChunk, SpeechChunk, SpokenSpan
from vivavoce_voxtream.configuration import SAMPLE_RATE_HZ
from vivavoce_voxtream.sample import VoiceSample

WORDS_AHEAD = 64
"""Words that wait for the generator; more wait with the language model."""
CHUNKS_AHEAD = 25
"""Chunks (2 s) that wait for their listener; then the generator waits."""


class InterruptedUtteranceError(Exception):
    """Nobody listens any more. Raised in the generator's thread only, and caught there."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    """The end of the chunks: well, or with what the generator raised."""

    error: BaseException | None


_NO_MORE_WORDS = None


class Utterance:
    """Made, fed and read on an event loop; `take_word`, `deliver` and `end` belong to the generator's thread."""

    def __init__(self, voice: VoiceSample) -> None:
        self.voice = voice
        self._loop = asyncio.get_running_loop()
        self._words: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._word_room = asyncio.Semaphore(WORDS_AHEAD)
        self._chunks: asyncio.Queue[SpeechChunk | _Outcome] = asyncio.Queue()
        self._chunk_room = threading.Semaphore(CHUNKS_AHEAD)
        self._interrupted = threading.Event()

    async def add_word(self, word: str) -> None:
        """Hand a word over; waits while 64 wait already."""
        await self._word_room.acquire()
        self._words.put(word)

    def end_words(self) -> None:
        """No more words will come."""
        self._words.put(_NO_MORE_WORDS)

    async def chunks(self) -> AsyncIterator[SpeechChunk]:
        """The chunks as they are made. Raises what the generator raised."""
        while isinstance(item := await self._chunks.get(), SpeechChunk):
            self._chunk_room.release()
            yield item
        if item.error is not None:
            raise item.error

    def interrupt(self) -> None:
        """Nobody listens: the generator stops before its next chunk. Idempotent."""
        self._interrupted.set()
        self._words.put(_NO_MORE_WORDS)  # wakes it where it waits for a word,
        self._chunk_room.release()  # or for its listener

    def fail(self, error: BaseException) -> None:
        """End the chunks with `error` after those that are made already, and interrupt the generator."""
        self._chunks.put_nowait(_Outcome(error))
        self.interrupt()

    def check(self) -> None:
        """Raise `InterruptedUtteranceError` after `interrupt`. Any thread."""
        if self._interrupted.is_set():
            raise InterruptedUtteranceError

    def take_word(self, *, wait: bool) -> str | None:
        """The next word, or None at the end of the text. Raises `queue.Empty` where none is there, unless `wait`."""
        word = self._words.get(block=wait)
        self.check()
        if word is not None:
            self._loop.call_soon_threadsafe(self._word_room.release)
        return word

    def deliver(self, pcm: bytes, spans: Sequence[SpokenSpan]) -> None:
        """Send a chunk; waits while 25 wait already."""
        self._chunk_room.acquire()
        self.check()
        chunk = SpeechChunk(AudioChunk(pcm, SAMPLE_RATE_HZ), tuple(spans))
        self._loop.call_soon_threadsafe(self._chunks.put_nowait, chunk)

    def end(self, error: BaseException | None = None) -> None:
        """The generator is done with it."""
        self._loop.call_soon_threadsafe(self._chunks.put_nowait, _Outcome(error))
