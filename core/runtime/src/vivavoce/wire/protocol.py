"""Both ends of the wire as state machines: messages in, items out, and back. No I/O.

The messages themselves are described in `vivavoce.wire.messages`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Union

from vivavoce.audio.ogg import CAPTURE_PATTERN, GRANULE_RATE_HZ, OggOpusReader, OpusHead
from vivavoce.audio.opus import OpusDecoder
from vivavoce.wire.messages import (
    decode_client_text,
    decode_server_binary,
    decode_server_event,
    encode,
    reply_started,
)
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError
from vivavoce_api.transport import INPUT_SAMPLE_RATE_HZ, Incoming, Outgoing, ReplyAudio

EVENTS_PARAMETER = "events"
MAX_PARAMETERS = 16
MAX_PARAMETER_CHARACTERS = 2_048

Received = Union[Incoming, ClientError]


def read_parameters(query: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """The parameters of the URL's query that are meant for the agent, and whether the client wants events.

    Raises `ClientError` when there are too many or they are too long.
    """
    if len(query) > MAX_PARAMETERS:
        raise ClientError(f"at most {MAX_PARAMETERS} parameters are taken in the address, got {len(query)}")
    for name, value in query.items():
        if len(name) + len(value) > MAX_PARAMETER_CHARACTERS:
            raise ClientError(f"the parameter {name[:40]} in the address is longer than {MAX_PARAMETER_CHARACTERS}")
    parameters = dict(query)
    wants_events = parameters.pop(EVENTS_PARAMETER, "0").lower() in ("1", "true", "yes", "on")
    return parameters, wants_events


class ServerProtocol:
    """The server's end: one client's messages to `Incoming`, `Outgoing` to messages.

    Raises `PrerequisiteError` when no libopus is installed.
    """

    def __init__(self, *, events: bool = False) -> None:
        self._events = events
        self._decoder = OpusDecoder()
        self._ogg: OggOpusReader | None = None
        self._samples_to_skip = 0
        self._sounding_reply: int | None = None

    def receive(self, message: bytes | str) -> Iterator[Received]:
        """What a message holds; a `ClientError` *item* for each part of it that can't be used, never raised.

        Lazy: a packet is decoded when its item is asked for, so a message full of packets can be taken slowly.
        """
        if isinstance(message, str):
            yield _playback_report(message)
            return
        if self._ogg is None and self._begins_ogg(message):
            self._ogg = OggOpusReader()
        if self._ogg is None:
            yield self._decode(message)
            return
        for event in self._ogg.feed(message):
            if isinstance(event, OpusHead):
                self._decoder = OpusDecoder()
                self._samples_to_skip = event.pre_skip * INPUT_SAMPLE_RATE_HZ // GRANULE_RATE_HZ
            elif isinstance(event, ClientError):
                yield event
            else:
                yield self._decode(event)

    def send(self, item: Outgoing) -> Iterator[bytes | str]:
        """The messages that carry `item` to this client; none for events that it didn't ask for."""
        if self._events and isinstance(item, ReplyAudio) and item.reply_id != self._sounding_reply:
            self._sounding_reply = item.reply_id
            yield reply_started(item.reply_id)
        message = encode(item)
        if self._events or isinstance(message, bytes):
            yield message

    @staticmethod
    def _begins_ogg(message: bytes) -> bool:
        """No Opus packet begins like an Ogg page, not even like a piece of one: "Og" would be 39 frames of 20 ms."""
        return message.startswith(CAPTURE_PATTERN) or (0 < len(message) < 4 and CAPTURE_PATTERN.startswith(message))

    def _decode(self, packet: bytes) -> Received:
        try:
            chunk = self._decoder.decode(packet)
        except ClientError as error:
            return error
        if self._samples_to_skip:
            skipped = min(self._samples_to_skip, chunk.samples)
            self._samples_to_skip -= skipped
            return AudioChunk(chunk.pcm[2 * skipped :], chunk.sample_rate_hz)
        return chunk


class ClientProtocol:
    """The client's end: the server's messages to `Outgoing` items."""

    def __init__(self) -> None:
        self._sounding_reply = 0

    def receive(self, message: bytes | str) -> Outgoing | None:
        """The item that a message carries, None for bookkeeping. Raises `ClientError` when it can't be read.

        Without events the server doesn't say which reply a sound belongs to: all have `reply_id` 0.
        """
        if isinstance(message, bytes):
            return decode_server_binary(message, self._sounding_reply)
        event = decode_server_event(message)
        if isinstance(event, int):
            self._sounding_reply = event
            return None
        return event


def _playback_report(text: str) -> Received:
    try:
        return decode_client_text(text)
    except ClientError as error:
        return error
