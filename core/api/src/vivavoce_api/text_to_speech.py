"""Text-to-speech: text in as it is written, sound out as it is made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from vivavoce_api.audio import AudioChunk
from vivavoce_api.session import SessionContext


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """Where a piece of the reply's text sounds, in milliseconds from the start of the reply's audio.

    A word where the engine times words, else the clause. `text` is spelt as it came in, white space around
    it aside, so that the spans of a reply join to what was asked for.
    """

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """The next piece of sound, with the spans that *start* in it (or that became known with it)."""

    audio: AudioChunk
    spans: tuple[SpokenSpan, ...] = ()


@dataclass(frozen=True, slots=True)
class TextToSpeechCapabilities:
    """What an engine can do.

    `streams_text`: speaks from the first whole word on; else it waits for the end of a clause.
    `spans`: how finely it times what it says. `voices`: names it knows; None: any name.
    `clones_voices`: `voice` may be a path to a sample, given by the YAML (never by a client); the options
    then are `ClonesVoices`.
    `first_chunk_ms`: expected time from speakable text to the first chunk, warm, on its usual hardware.
    """

    sample_rate_hz: int
    streams_text: bool = False
    spans: str = "none"  # "words" | "clauses" | "none"
    voices: tuple[str, ...] | None = None
    clones_voices: bool = False
    first_chunk_ms: float | None = None


class TextToSpeechSession(Protocol):
    """One conversation's voice."""

    def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """Speak one reply: pieces of text as the language model writes them, chunks of sound as they are ready.

        Pieces are token-sized and join without separators. Empty or unspeakable text gives no chunk and no
        error. All chunks have one sample rate; none is empty; none exceeds 500 ms. Raises `EngineError`.
        Cancelling (closing the iterator) ends synthesis within one chunk and leaves the session ready.
        """
        ...

    async def close(self) -> None:
        """End the session; cancels what is running. Idempotent."""
        ...


class TextToSpeechEngine(Protocol):
    """The loaded voice, shared by all sessions."""

    @property
    def max_sessions(self) -> int | None:
        """Sessions it can serve at once; None: no limit of its own."""
        ...

    async def open_session(self, context: SessionContext) -> TextToSpeechSession:
        """Open a session; loads no weights. Raises `EngineBusyError`."""
        ...

    async def close(self) -> None:
        """Free the model. Idempotent."""
        ...


@runtime_checkable
class ClonesVoices(Protocol):
    """What the *options* of a plugin with `clones_voices` have beside them, for `vivavoce voices`."""

    @property
    def voice_reminder(self) -> str:
        """What everybody must know before they clone a voice: consent, licences."""
        ...

    def voice_files(self) -> Mapping[str, Path]:
        """All voices that the YAML makes known, by name, the usual one first; it need not be there."""
        ...

    def voice_faults(self, path: Path) -> list[str]:
        """What is wrong with a sample, in words; empty where it is good. Raises `ConfigurationError`."""
        ...

    def add_voice(self, name: str, audio: AudioChunk) -> Path:
        """Check a sample and keep it under this name; returns its file. Raises `ConfigurationError`."""
        ...
