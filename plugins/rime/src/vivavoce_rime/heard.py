"""What a voice says about the clause that it is speaking, whatever the protocol."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Protocol, Union

from vivavoce_api import EngineError

MAX_CLAUSE_BYTES = 32 << 20
"""More sound than a clause of 240 characters can have at any rate: a server that sends it is broken."""


@dataclass(frozen=True, slots=True)
class Sound:
    """The next bytes of PCM16; they may begin or end within a sample."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class TimedWord:
    """A word as it was spoken (numbers written out), in milliseconds from the start of the clause's sound."""

    text: str
    start_ms: float
    end_ms: float


@dataclass(frozen=True, slots=True)
class WordTimes:
    """The times of words of the clause, in order; may come before, between or after its sound, in parts."""

    words: tuple[TimedWord, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """The clause is over."""


Heard = Union[Sound, WordTimes]
Meaning = Union[Sound, WordTimes, Done, EngineError]


class ClauseVoice(Protocol):
    """One conversation's way to Rime. It speaks one clause at a time."""

    def start(self) -> None:
        """Begin to connect, in the background, so that the first clause finds a warm connection."""
        ...

    def speak(self, clause: str) -> AsyncGenerator[Heard, None]:
        """Speak a clause; ends when all of its sound was given.

        Raises `EngineError`; `Dropped` where the connection broke. Closing it early tells the server to stop.
        """
        ...

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        ...
