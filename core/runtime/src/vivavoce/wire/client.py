"""A client in Python: streams sound as Opus in real time, collects what the server sends with the time it came."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from vivavoce.audio.ogg_writer import OggOpusWriter
from vivavoce.audio.opus import OpusEncoder
from vivavoce.wire.messages import encode_report
from vivavoce.wire.protocol import ClientProtocol
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import EngineUnavailableError
from vivavoce_api.transport import INPUT_SAMPLE_RATE_HZ, Outgoing, PlaybackReport

MAX_SERVER_MESSAGE_BYTES = 4 << 20


class Container(Enum):
    """How Opus packets travel: one a message, or in the pages of an Ogg stream."""

    RAW = "raw"
    OGG = "ogg"


@dataclass(frozen=True, slots=True)
class Arrival:
    """An item from the server and when it came, in seconds of the event loop's clock."""

    at_s: float
    item: Outgoing


class Socket(Protocol):
    """What a `VoiceClient` needs of a WebSocket: these three, as websockets' `ClientConnection` has them."""

    @property
    def close_code(self) -> int | None:
        """The code that the connection was closed with; None while it is open."""
        ...

    async def send(self, message: bytes | str) -> None:
        """Send a message. Raises `ConnectionClosed`."""
        ...

    async def recv(self) -> bytes | str:
        """The next message. Raises `ConnectionClosed`."""
        ...


class VoiceClient:
    """One conversation with a server. Made by `open_client`; one task may speak while another listens."""

    def __init__(self, socket: Socket, container: Container, packet_ms: float, packets_a_page: int) -> None:
        self._socket = socket
        self._protocol = ClientProtocol()
        self._encoder = OpusEncoder(INPUT_SAMPLE_RATE_HZ, packet_ms)
        self._packet_ms = packet_ms
        self._ogg = OggOpusWriter(INPUT_SAMPLE_RATE_HZ) if container is Container.OGG else None
        self._packets_a_message = packets_a_page if container is Container.OGG else 1
        self._packets: list[bytes] = []
        self._spoken_until_s = 0.0

    @property
    def close_code(self) -> int | None:
        """The WebSocket code that the connection was closed with; None while it is open."""
        return self._socket.close_code

    async def speak(self, audio: AudioChunk, *, follows: bool = False) -> float:
        """Stream `audio` (16 kHz) at a microphone's pace; returns the loop time at which its last sample is spoken.

        A packet leaves when its last sample would have been recorded. `follows`: this sound was recorded right after
        that of the last call, by a microphone that stays on; what is late by now leaves at once, so that many calls
        drift no more than one. Else it begins now. What doesn't fill a packet waits for the next call. Raises
        `EngineUnavailableError` when the server is gone; cancelling stops between packets.
        """
        loop = asyncio.get_running_loop()
        joins = follows and self._spoken_until_s > 0
        begin_s = self._spoken_until_s if joins else max(self._spoken_until_s, loop.time())
        self._spoken_until_s = begin_s + audio.duration_ms / 1000
        send_s = begin_s - self._encoder.pending_ms / 1000
        for packet in self._encoder.encode(audio):
            send_s += self._packet_ms / 1000
            await asyncio.sleep(send_s - loop.time())
            await self._send_packet(packet)
        return self._spoken_until_s

    async def send_raw(self, message: bytes | str) -> None:
        """Send a message as it is. Raises `EngineUnavailableError` when the server is gone."""
        try:
            await self._socket.send(message)
        except ConnectionClosed as error:
            raise EngineUnavailableError(f"the server closed the connection: {_closing_words(error)}") from error

    async def report_playback(self, report: PlaybackReport) -> None:
        """Tell the server how much of a reply was played. Raises `EngineUnavailableError`."""
        await self.send_raw(encode_report(report))

    async def arrivals(self) -> AsyncIterator[Arrival]:
        """What the server sends, until the connection is closed by either side. Raises `ClientError` if unreadable."""
        loop = asyncio.get_running_loop()
        try:
            while True:
                message = await self._socket.recv()
                item = self._protocol.receive(message)
                if item is not None:
                    yield Arrival(loop.time(), item)
        except ConnectionClosed:
            return

    async def _send_packet(self, packet: bytes) -> None:
        self._packets.append(packet)
        if len(self._packets) < self._packets_a_message:
            return
        packets, self._packets = self._packets, []
        if self._ogg is None:
            await self.send_raw(packets[0])
            return
        headers = self._ogg.take_headers()
        if headers:
            await self.send_raw(headers)
        await self.send_raw(self._ogg.page(packets, self._packet_ms))


@asynccontextmanager
async def open_client(
    url: str,
    *,
    container: Container = Container.RAW,
    packet_ms: float = 20,
    packets_a_page: int = 1,
    events: bool = True,
) -> AsyncIterator[VoiceClient]:
    """Connect to `url` (`ws://host:port/ws`); the connection is closed at the end.

    Raises `EngineUnavailableError` when the server can't be reached or refuses.
    """
    address = f"{url}{'&' if '?' in url else '?'}events=1" if events else url
    try:
        socket = await connect(address, compression=None, proxy=None, max_size=MAX_SERVER_MESSAGE_BYTES)
    except (OSError, InvalidHandshake, TimeoutError) as error:
        raise EngineUnavailableError(f"no conversation at {url}: {error}") from error
    async with socket:
        yield VoiceClient(socket, container, packet_ms, packets_a_page)


def _closing_words(error: ConnectionClosed) -> str:
    if error.rcvd is None:
        return "without a word"
    return f"{error.rcvd.code} {error.rcvd.reason}".strip()
