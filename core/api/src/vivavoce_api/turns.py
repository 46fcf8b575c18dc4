"""Voice activity and turn detection: is somebody speaking, and have they finished?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vivavoce_api.audio import AudioChunk
from vivavoce_api.session import SessionContext


@dataclass(frozen=True, slots=True)
class VoiceActivityCapabilities:
    """`window_samples` at `sample_rate_hz` are judged at a time; the runtime sends exactly these."""

    sample_rate_hz: int
    window_samples: int


class VoiceActivitySession(Protocol):
    """One conversation's voice activity detector; it may keep state between windows.

    Windows come in order, now and then two in a row; those of a quiet room may be left out.
    """

    async def probability(self, window: AudioChunk) -> float:
        """The probability, 0 to 1, that this window holds speech. Runs off the event loop if it takes long."""
        ...

    def reset(self) -> None:
        """Forget earlier windows (a new stream begins)."""
        ...

    async def close(self) -> None:
        """End the session. Idempotent."""
        ...


class VoiceActivityEngine(Protocol):
    """The loaded detector, shared by all sessions."""

    @property
    def max_sessions(self) -> int | None:
        """Sessions it can serve at once; None: no limit of its own."""
        ...

    async def open_session(self, context: SessionContext) -> VoiceActivitySession:
        """Open a session; loads no weights."""
        ...

    async def close(self) -> None:
        """Free the model. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class TurnFit:
    """How likely it is that a turn is over, in log-odds, before any silence.

    `intercept`, and a weight for the log-odds of each signal: `audio` is the turn detector's, `text` the language
    model's, `transcriber` that of speech-to-text (`Transcript.end_of_turn`). `eager`, `balanced` and `patient` are the
    log-odds at which each style answers.
    """

    intercept: float
    audio: float
    text: float
    eager: float
    balanced: float
    patient: float
    transcriber: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnFits:
    """What a turn detector's answers are worth: beside those of a language model that judges the words, and alone."""

    beside_words: TurnFit
    alone: TurnFit


@dataclass(frozen=True, slots=True)
class TurnDetectorCapabilities:
    """`max_audio_ms`: how much of the end of the turn it looks at; more is cut off by the runtime.

    It is asked once in a silence, when that has lasted `ask_after_ms`, and shown no more than `shown_silence_ms` of it;
    both count from the end of the voice by its level. A detector that takes long does well to let the closures
    within words pass. Where speech-to-text says whether the turn is over (`Transcript.end_of_turn`), it is not asked.
    `fits`: as `benchmarks/turn_policy/fit.py` finds them; without, it counts as smart-turn does.
    """

    sample_rate_hz: int
    max_audio_ms: float
    ask_after_ms: float = 200.0
    shown_silence_ms: float = 139.0
    fits: TurnFits | None = None


class TurnDetectorSession(Protocol):
    """One conversation's turn detector."""

    async def probability(self, turn: AudioChunk) -> float:
        """The probability, 0 to 1, that the speaker has finished, judged from the turn's audio so far.

        One forward pass a call, off the event loop. Cancelling abandons the result.
        """
        ...

    async def close(self) -> None:
        """End the session. Idempotent."""
        ...


class TurnDetectorEngine(Protocol):
    """The loaded detector, shared by all sessions."""

    @property
    def max_sessions(self) -> int | None:
        """Sessions it can serve at once; None: no limit of its own."""
        ...

    async def open_session(self, context: SessionContext) -> TurnDetectorSession:
        """Open a session; loads no weights."""
        ...

    async def close(self) -> None:
        """Free the model. Idempotent."""
        ...
