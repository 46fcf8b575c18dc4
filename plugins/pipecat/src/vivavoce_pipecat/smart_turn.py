"""Smart-turn v3.2: has the speaker finished, judged from how it sounded?"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Protocol

import numpy as np

from vivavoce_api import AudioChunk, EngineError, Progress, SessionContext
from vivavoce_pipecat.lane import Lane
from vivavoce_pipecat.models import SMART_TURN, feature_code, open_model
from vivavoce_pipecat.options import SmartTurnOptions

if TYPE_CHECKING:
    import onnxruntime

SAMPLE_RATE_HZ = 16_000
MAX_AUDIO_MS = 8_000
MAX_SAMPLES = SAMPLE_RATE_HZ * MAX_AUDIO_MS // 1000


class Features(Protocol):
    """Pipecat's feature code: 8 s of float32 samples in, log-mel (80, 800) float32 out."""

    def __call__(self, audio: np.ndarray, *, do_normalize: bool = True) -> np.ndarray: ...


def judge(model: onnxruntime.InferenceSession, features: Features, pcm: bytes) -> float:
    """One pass over the last 8 s of PCM16 at 16 kHz; less is preceded by silence, as the model was trained."""
    samples = np.frombuffer(pcm, dtype="<i2")[-MAX_SAMPLES:]
    window = np.zeros(MAX_SAMPLES, np.float32)
    if samples.size:
        window[-samples.size :] = samples / np.float32(32768.0)
    # The output is named "logits" and holds a probability: the sigmoid is part of the model.
    (output,) = model.run(None, {"input_features": features(window)[None]})
    return float(np.asarray(output)[0, 0])


class SmartTurnSession:
    """One conversation's turn detector; it keeps nothing between calls."""

    def __init__(self, model: onnxruntime.InferenceSession, features: Features, lane: Lane) -> None:
        self._model = model
        self._features = features
        self._lane = lane

    async def probability(self, turn: AudioChunk) -> float:
        """The probability that the speaker has finished, from the turn's last 8 s at 16 kHz: one forward pass.

        Raises `EngineError` for another rate. Cancelling drops a pass that waits and abandons one that runs.
        """
        if turn.sample_rate_hz != SAMPLE_RATE_HZ:
            raise EngineError(f"smart-turn hears {SAMPLE_RATE_HZ} Hz, got {turn.sample_rate_hz} Hz")
        return await self._lane.run(partial(judge, self._model, self._features, turn.pcm))

    async def close(self) -> None:
        """End the session."""


class SmartTurnEngine:
    """The loaded model, shared by all sessions; their passes queue for one thread."""

    max_sessions: int | None = None

    def __init__(self, model: onnxruntime.InferenceSession, features: Features) -> None:
        self._model = model
        self._features = features
        self._lane = Lane("smart-turn")

    async def open_session(self, context: SessionContext) -> SmartTurnSession:
        """A view of the shared model."""
        return SmartTurnSession(self._model, self._features, self._lane)

    async def close(self) -> None:
        """End the engine's thread. Idempotent."""
        await self._lane.close()


def load(options: SmartTurnOptions, progress: Progress) -> SmartTurnEngine:
    """Open the model and run it once."""
    features: Features = feature_code().compute_whisper_log_mel_features
    model = open_model(SMART_TURN, progress, options.threads)
    judge(model, features, b"")
    return SmartTurnEngine(model, features)
