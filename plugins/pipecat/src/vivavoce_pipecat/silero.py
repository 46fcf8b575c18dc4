"""Silero voice activity detection: one model for all conversations, each with a memory of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from vivavoce_api import AudioChunk, EngineError, Progress, SessionContext
from vivavoce_pipecat.lane import Lane
from vivavoce_pipecat.models import SILERO, open_model
from vivavoce_pipecat.options import SileroOptions

if TYPE_CHECKING:
    import onnxruntime

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 512
CONTEXT_SAMPLES = 64
"""The model sees the end of the window before, too (silero v5, 16 kHz)."""
RATE = np.array(SAMPLE_RATE_HZ, dtype=np.int64)

# Non-speech slowly drives the recurrent state to where it overlooks the speech that follows (music and 8 kHz
# most, long silence at 16 kHz a little), so it is cleared every 2 s of audio, but only in clear non-speech: a
# reset inside a word costs confidence. The interval and the 0.1 are those that Pipecat 1.14 found
# (pipecat/audio/vad/silero.py). Pipecat asks for 5 such windows and 200 ms of quiet; 7 windows are 224 ms.
RESET_AFTER_WINDOWS = 2 * SAMPLE_RATE_HZ // WINDOW_SAMPLES
RESET_BELOW = 0.1
RESET_QUIET_WINDOWS = 7


@dataclass(frozen=True, slots=True)
class Memory:
    """What one conversation's detector remembers: `state` (2, 1, 128), `context` (1, 64), both float32."""

    state: np.ndarray
    context: np.ndarray
    windows: int = 0
    quiet_windows: int = 0

    @classmethod
    def blank(cls) -> Memory:
        """Nothing heard yet."""
        return cls(np.zeros((2, 1, 128), np.float32), np.zeros((1, CONTEXT_SAMPLES), np.float32))

    def after(self, probability: float, state: np.ndarray, context: np.ndarray) -> Memory:
        """The memory after a window of this probability, which left these: counted, and blank where a reset is due."""
        quiet = self.quiet_windows + 1 if probability < RESET_BELOW else 0
        if self.windows + 1 >= RESET_AFTER_WINDOWS and quiet >= RESET_QUIET_WINDOWS:
            return replace(Memory.blank(), quiet_windows=quiet)
        return Memory(state, context, self.windows + 1, quiet)


def judge(model: onnxruntime.InferenceSession, pcm: bytes, memory: Memory) -> tuple[float, Memory]:
    """One pass: the probability of speech in 512 samples of PCM16, and the memory that follows."""
    heard = np.empty((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
    heard[:, :CONTEXT_SAMPLES] = memory.context
    np.divide(np.frombuffer(pcm, "<i2"), np.float32(32768), out=heard[0, CONTEXT_SAMPLES:])
    output, state = model.run(None, {"input": heard, "state": memory.state, "sr": RATE})
    probability = float(np.asarray(output)[0, 0])
    return probability, memory.after(probability, np.asarray(state), heard[:, -CONTEXT_SAMPLES:])


class SileroSession:
    """One conversation's detector."""

    def __init__(self, model: onnxruntime.InferenceSession, lane: Lane) -> None:
        self._model = model
        self._lane = lane
        self._memory = Memory.blank()

    async def probability(self, window: AudioChunk) -> float:
        """The probability that these 512 samples at 16 kHz hold speech. Cancelled, the window counts as unheard.

        Raises `EngineError` for any other window.
        """
        if window.sample_rate_hz != SAMPLE_RATE_HZ or window.samples != WINDOW_SAMPLES:
            raise EngineError(
                f"silero judges {WINDOW_SAMPLES} samples at {SAMPLE_RATE_HZ} Hz, "
                f"got {window.samples} at {window.sample_rate_hz} Hz"
            )
        before = self._memory
        probability, after = await self._lane.run(partial(judge, self._model, window.pcm, before))
        if self._memory is before:  # no reset meanwhile
            self._memory = after
        return probability

    def reset(self) -> None:
        """Forget what was heard."""
        self._memory = Memory.blank()

    async def close(self) -> None:
        """End the session; it holds nothing but a few hundred numbers."""


class SileroEngine:
    """The loaded model. `max_sessions` is None: a pass takes about 0.4 ms of each 32 ms, so a core holds dozens."""

    max_sessions: int | None = None

    def __init__(self, model: onnxruntime.InferenceSession) -> None:
        self._model = model
        self._lane = Lane("silero")

    async def open_session(self, context: SessionContext) -> SileroSession:
        """A detector with a blank memory."""
        return SileroSession(self._model, self._lane)

    async def close(self) -> None:
        """End the engine's thread. Idempotent."""
        await self._lane.close()


def load(options: SileroOptions, progress: Progress) -> SileroEngine:
    """Open the model and run it once."""
    model = open_model(SILERO, progress, threads=1)
    judge(model, bytes(2 * WINDOW_SAMPLES), Memory.blank())
    return SileroEngine(model)
