"""Speech-to-text: audio of one utterance in, transcripts out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from vivavoce_api.audio import AudioChunk
from vivavoce_api.session import SessionContext


@dataclass(frozen=True, slots=True)
class Flush:
    """Stands between audio chunks: the voice fell silent here, transcribe all audio so far *now*.

    Engines answer with a non-final `Transcript` whose `audio_ms` reaches this point. Several flushes that
    arrive while a pass is running may be answered by one transcript that covers the newest. An engine
    without partial transcripts may ignore it.
    """


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in the first `audio_ms` milliseconds of the utterance's audio.

    `text` is stripped and may be empty (nothing intelligible). `final` marks the one that ends the stream.
    `end_of_turn`: how likely the speaker has finished with it, 0 to 1, as the engine itself finds from the sound and
    the words; None where it has no opinion. Ends and pauses count as equally frequent. It weighs what
    `benchmarks/turn_policy` found for Whisper; another engine does well to have its own `rescaled` to that.
    """

    text: str
    audio_ms: float
    final: bool = False
    end_of_turn: float | None = None


@dataclass(frozen=True, slots=True)
class SpeechToTextCapabilities:
    """`partials`: yields transcripts before the audio has ended, and answers `Flush`.

    `sample_rate_hz`: the rate it wants; the runtime sends exactly this.
    """

    partials: bool
    sample_rate_hz: int = 16_000


class SpeechToTextSession(Protocol):
    """One conversation's speech-to-text."""

    def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """Transcribe one utterance: partials while audio comes, exactly one final after it has ended.

        When no audio came between the last `Flush` and the end, and that flush was answered, the final is
        the same text at once, without another pass. Called once an utterance, never twice at a time.
        Raises `EngineError`. Cancelling (closing the iterator) stops a pass or abandons its result within
        100 ms, frees what it holds, and leaves the session ready for the next utterance.
        """
        ...

    async def close(self) -> None:
        """End the session; cancels what is running. Idempotent."""
        ...


class SpeechToTextEngine(Protocol):
    """The loaded model, shared by all sessions."""

    @property
    def max_sessions(self) -> int | None:
        """Sessions it can serve at once; None: no limit of its own."""
        ...

    async def open_session(self, context: SessionContext) -> SpeechToTextSession:
        """Open a session; loads no weights. Raises `EngineBusyError`, `ClientError`."""
        ...

    async def close(self) -> None:
        """Free the model. Idempotent."""
        ...
