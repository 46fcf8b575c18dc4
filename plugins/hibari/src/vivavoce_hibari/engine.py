"""The loaded voice: a clause of text in, its sound out, in a few threads that all conversations share."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import hibari
import numpy as np

from vivavoce_api import EngineError, EngineUnavailableError, SessionContext
from vivavoce_hibari.level import levelled, pcm16, trimmed
from vivavoce_hibari.plugin import SAMPLE_RATE_HZ
from vivavoce_hibari.session import HibariSession

SENTENCE_PAUSE_MS = 250
SEED = 0
"""Of the noise in the consonants: the same text always sounds the same."""


class Hibari:
    """The model, warm. Each clause is synthesised on one core; `threads` of them at a time."""

    max_sessions = None

    def __init__(self, model: Path, voice: str, *, speed: float, threads: int) -> None:
        """Blocks for a second or so: reads the model and the dictionaries, and speaks once."""
        self._model = hibari.Hibari(voice=voice, model=str(model), threads=1)
        self._speed = speed
        self._sound_of("Hello there, vivavoce is here at 10 o'clock.")
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="hibari")
        self._closed = False

    async def open_session(self, context: SessionContext) -> HibariSession:
        """Open a session; costs nothing."""
        self._check()
        return HibariSession(self, SAMPLE_RATE_HZ)

    async def pcm_of(self, text: str) -> bytes:
        """The sound of one clause: PCM16, without silence around it; empty when there is nothing to say.

        Takes about a hundredth of its length in a thread. Cancelling gives up waiting at once; a clause that is
        being synthesised then is finished (some 10 to 200 ms) and thrown away. Raises `EngineError`.
        """
        self._check()
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._pcm_of, text)

    async def close(self) -> None:
        """End the threads. Idempotent."""
        self._closed = True
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _check(self) -> None:
        if self._closed:
            raise EngineUnavailableError("the voice was closed")

    def _pcm_of(self, text: str) -> bytes:
        try:
            return pcm16(self._sound_of(text))
        except Exception as error:
            raise EngineError(f"hibari could not speak a clause of {len(text)} characters: {error}") from error

    def _sound_of(self, text: str) -> np.ndarray:
        """All sentences that the model makes of `text`, with a natural pause between them."""
        pause = np.zeros(SAMPLE_RATE_HZ * SENTENCE_PAUSE_MS // 1000, np.float32)
        parts: list[np.ndarray] = []
        for raw in self._model.stream(text, speed=self._speed, seed=SEED):
            sound = trimmed(raw, SAMPLE_RATE_HZ)
            if len(sound):
                parts += [pause, levelled(sound, SAMPLE_RATE_HZ)]
        return np.concatenate(parts[1:]) if parts else pause[:0]
