"""One conversation's voice: text by clauses in, chunks of sound out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing

from vivavoce_api import EngineError, SpeechChunk, clauses
from vivavoce_api.producing import next_produced
from vivavoce_rime.failures import Dropped
from vivavoce_rime.heard import ClauseVoice
from vivavoce_rime.sound import ClauseSound
from vivavoce_rime.words import MS_PER_CHARACTER, WordClock, weight

CHUNKS_AHEAD = 64
"""At most 6.4 s of sound wait for their reader; meanwhile the next clause is asked for and read."""


class RimeSession:
    """Speaks one reply at a time. Implements `TextToSpeechSession`."""

    def __init__(
        self, voice: ClauseVoice, sample_rate_hz: int, speed: float, on_close: Callable[[RimeSession], None]
    ) -> None:
        self._voice = voice
        self._rate = sample_rate_hz
        self._ms_per_character = MS_PER_CHARACTER / speed
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False
        self._on_close = on_close
        voice.start()

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncGenerator[SpeechChunk, None]:
        """Speak clause by clause: the first sounds while the text is still being written.

        A clause without anything to say (emoji) is skipped; its spelling goes with the next word. Closing tells Rime
        to stop and leaves the connection open. Raises `EngineError`; a connection that breaks before a clause has
        begun to sound is opened again, once.
        """
        if self._closed:
            raise EngineError("the session was closed")
        chunks: asyncio.Queue[SpeechChunk] = asyncio.Queue(CHUNKS_AHEAD)
        speaker = asyncio.create_task(self._speak(text, chunks))
        self._running.add(speaker)
        try:
            while (chunk := await next_produced(chunks, speaker)) is not None:
                yield chunk
        finally:
            self._running.discard(speaker)
            speaker.cancel()
            await asyncio.gather(speaker, return_exceptions=True)

    async def close(self) -> None:
        """End what runs with an `EngineError`, and the connection. Idempotent."""
        self._closed = True
        for speaker in self._running:
            speaker.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._voice.close()
        self._on_close(self)

    async def _speak(self, text: AsyncIterator[str], chunks: asyncio.Queue[SpeechChunk]) -> None:
        samples, unspoken = 0, ""
        async for clause in clauses(text):
            written = f"{unspoken} {clause}".strip()
            clock = WordClock(written, samples * 1000 / self._rate, self._ms_per_character)
            sound = ClauseSound(clock, self._rate)
            if weight(clause):
                await self._speak_clause(clause, sound, chunks)
            if sound.samples:
                self._ms_per_character = sound.duration_ms / (weight(clause) + len(clause.split()))
            samples, unspoken = samples + sound.samples, "" if sound.samples else written

    async def _speak_clause(self, clause: str, sound: ClauseSound, chunks: asyncio.Queue[SpeechChunk]) -> None:
        for attempt in (1, 2):
            try:
                async with aclosing(self._voice.speak(clause)) as spoken:
                    async for heard in spoken:
                        for chunk in sound.add(heard):
                            await chunks.put(chunk)
                break
            except Dropped:
                if attempt == 2 or sound.samples:
                    raise
        for chunk in sound.finish():
            await chunks.put(chunk)
