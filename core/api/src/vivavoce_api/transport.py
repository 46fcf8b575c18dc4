"""Transports: how a conversation's sound and events reach an agent and leave it.

A `Connection` is one client. The session core reads `Incoming` from it and sends it `Outgoing`; whether a
WebSocket, a Pipecat transport or a sound card is behind it, the core can't tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol, Union

from vivavoce_api.audio import AudioChunk

INPUT_SAMPLE_RATE_HZ = 16_000
"""Rate of all audio that a connection delivers."""


@dataclass(frozen=True, slots=True)
class PlaybackReport:
    """The client has played `played_ms` milliseconds of the audio of reply `reply_id`. Untrusted."""

    reply_id: int
    played_ms: float


Incoming = Union[AudioChunk, PlaybackReport]


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Sound of reply `reply_id`, to be played as soon as it arrives, after what was sent before."""

    reply_id: int
    audio: AudioChunk


@dataclass(frozen=True, slots=True)
class UserSpeech:
    """The user began (`speaking`) or stopped to speak, as far as voice activity tells."""

    speaking: bool


@dataclass(frozen=True, slots=True)
class UserTranscript:
    """What the user said: `final` once a turn, else a partial that later ones replace."""

    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ReplyText:
    """Text of reply `reply_id` whose sound begins with the next audio; pieces join with single spaces."""

    reply_id: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """Reply `reply_id` is over: all of it was sent, or the user cut it off (`interrupted`).

    A connection drops what it still holds of an interrupted reply. `heard` is the text that was heard, as
    the context keeps it.
    """

    reply_id: int
    interrupted: bool
    heard: str


@dataclass(frozen=True, slots=True)
class TurnLatency:
    """Where the time of a turn went. `stages_ms` is in order, each measured from the user's last voiced sample."""

    reply_id: int
    voice_to_voice_ms: float
    stages_ms: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ErrorNotice:
    """Words for the user about something that went wrong; the session goes on."""

    message: str
    retryable: bool = False


Event = Union[UserSpeech, UserTranscript, ReplyText, ReplyEnded, TurnLatency, ErrorNotice]
Outgoing = Union[ReplyAudio, Event]


class Connection(Protocol):
    """One client of one conversation."""

    def incoming(self) -> AsyncIterator[Incoming]:
        """What the client sends, in order; ends when the client is gone. Called once.

        Bad messages are answered by the connection itself (`ErrorNotice`), never raised here.
        """
        ...

    async def send(self, item: Outgoing) -> None:
        """Hand one item to the client; waits while the client can't take more. Raises `ClientError` when it is gone."""
        ...


class AgentHost(Protocol):
    """The runtime, as a transport sees it."""

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        """Hold one conversation until the client is gone. Raises `EngineBusyError`, `ClientError` before it begins.

        `parameters` come from the client, untrusted. Cancelling ends the conversation and all that belongs to it.
        """
        ...


class Transport(Protocol):
    """A way in, opened from the YAML's `transport` section."""

    async def serve(self, host: AgentHost) -> None:
        """Accept clients and hold a conversation with each, until cancelled."""
        ...

    async def close(self) -> None:
        """Free ports and files. Idempotent."""
        ...
