"""The turn detector: one pass over the last two seconds of a turn."""

from __future__ import annotations

import asyncio
import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from vivavoce_api import AudioChunk, EngineError, SessionContext
from vivavoce_prosody.features import SAMPLE_RATE_HZ, features
from vivavoce_prosody.network import Network


def judge(network: Network, pcm: bytes) -> float:
    """The probability, 0 to 1, that who said this has finished; the PCM16 at 16 kHz ends 60 ms after the voice."""
    sound = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32_768)
    return 1 / (1 + math.exp(-network.log_odds(features(sound))))


class ProsodySession:
    """One conversation's turn detector; it keeps nothing between calls."""

    def __init__(self, network: Network, thread: ThreadPoolExecutor) -> None:
        self._network = network
        self._thread = thread

    async def probability(self, turn: AudioChunk) -> float:
        """The probability that the speaker has finished: one pass, off the event loop.

        Raises `EngineError` for another rate than 16 kHz. Cancelling drops a pass that waits and abandons
        one that runs.
        """
        if turn.sample_rate_hz != SAMPLE_RATE_HZ:
            raise EngineError(f"prosody hears {SAMPLE_RATE_HZ} Hz, got {turn.sample_rate_hz} Hz")
        return await asyncio.get_running_loop().run_in_executor(self._thread, judge, self._network, turn.pcm)

    async def close(self) -> None:
        """End the session."""


class ProsodyEngine:
    """The network, shared by all sessions; their passes queue for one thread."""

    max_sessions: int | None = None

    def __init__(self) -> None:
        self._network = Network.read()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="prosody")
        judge(self._network, b"")  # builds the tables

    async def open_session(self, context: SessionContext) -> ProsodySession:
        """A view of the shared network."""
        return ProsodySession(self._network, self._thread)

    async def close(self) -> None:
        """End the thread, after the passes that were asked for. Idempotent."""
        await asyncio.to_thread(self._thread.shutdown)
