"""One conversation's voice: text by clauses in, chunks of sound out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Protocol

from vivavoce_api import AudioChunk, EngineError, SpeechChunk, SpokenSpan, clauses
from vivavoce_api.producing import next_produced
from vivavoce_hibari.readable import readable

CHUNK_MS = 80
CLAUSES_AHEAD = 4
SENTENCE_END, CLAUSE_END = ".!?…", ",;:—–"


class Voice(Protocol):
    """What speaks a clause; raises `EngineError`."""

    async def pcm_of(self, text: str) -> bytes:
        """PCM16 without silence around it."""
        ...


@dataclass(frozen=True, slots=True)
class SpokenClause:
    """A clause as it was written, and its sound."""

    text: str
    pcm: bytes


class HibariSession:
    """Speaks one reply at a time."""

    def __init__(self, voice: Voice, sample_rate_hz: int) -> None:
        self._voice = voice
        self._rate = sample_rate_hz
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """Speak clause by clause: the first leaves while the text is still being written.

        Up to four clauses are made ahead of the reader. Text without anything to say (emoji, another script)
        is skipped; its spelling goes with the next span. Closing ends it at once. Raises `EngineError`.
        """
        if self._closed:
            raise EngineError("the session was closed")
        spoken: asyncio.Queue[SpokenClause] = asyncio.Queue(CLAUSES_AHEAD)
        speaker = asyncio.create_task(self._speak(text, spoken))
        self._running.add(speaker)
        timeline = Timeline(self._rate)
        try:
            while (clause := await next_produced(spoken, speaker)) is not None:
                for chunk in timeline.chunks(clause):
                    yield chunk
        finally:
            self._running.discard(speaker)
            speaker.cancel()
            await asyncio.gather(speaker, return_exceptions=True)

    async def _speak(self, text: AsyncIterator[str], spoken: asyncio.Queue[SpokenClause]) -> None:
        unspoken: list[str] = []
        async for clause in clauses(text):
            words = readable(clause)
            pcm = await self._voice.pcm_of(words) if words else b""
            unspoken.append(clause)
            if pcm:
                await spoken.put(SpokenClause(" ".join(unspoken), pcm))
                unspoken = []

    async def close(self) -> None:
        """End what runs with an `EngineError`. Idempotent."""
        self._closed = True
        for speaker in self._running:
            speaker.cancel()


class Timeline:
    """Puts clauses one after the other, each after the pause that the one before asks for.

    Where the text came so late that playing has run dry meanwhile, that time counts as pause.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._samples = 0
        self._pause_ms = 0.0
        self._plays_until_s = 0.0

    def chunks(self, clause: SpokenClause) -> Iterator[SpeechChunk]:
        """The chunks of a clause; the first has its span, whose times don't include the pause."""
        silence = AudioChunk.silence(self._pause_left_ms(), self._rate)
        sound = AudioChunk(silence.pcm + clause.pcm, self._rate)
        start_ms = (self._samples + silence.samples) * 1000 / self._rate
        self._samples += sound.samples
        spans = (SpokenSpan(clause.text, start_ms, self._samples * 1000 / self._rate),)
        self._pause_ms = pause_after_ms(clause.text)
        for position_ms in range(0, int(sound.duration_ms) + 1, CHUNK_MS):
            chunk = sound.slice_ms(position_ms, position_ms + CHUNK_MS)
            if chunk.samples:
                now_s = asyncio.get_running_loop().time()
                self._plays_until_s = max(self._plays_until_s, now_s) + chunk.duration_ms / 1000
                yield SpeechChunk(chunk, spans)
                spans = ()

    def _pause_left_ms(self) -> float:
        dry_ms = (asyncio.get_running_loop().time() - self._plays_until_s) * 1000
        return max(0.0, self._pause_ms - max(0.0, dry_ms)) if self._samples else 0.0


def pause_after_ms(clause: str) -> float:
    """How long a speaker waits after a clause: a sentence's end, a comma, a line's end or a cut."""
    last = clause.rstrip("\"'”’»)]*_")[-1:]
    if last in SENTENCE_END:
        return 250.0
    return 120.0 if last in CLAUSE_END else 180.0
