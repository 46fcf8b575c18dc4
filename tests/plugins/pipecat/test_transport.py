"""An agent behind Pipecat's own WebSocket server, spoken to by a client that knows Pipecat's wire."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from pipecat.frames.frames import InputAudioRawFrame, OutputAudioRawFrame
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from vivavoce_pipecat.options import TransportOptions
from vivavoce_pipecat.transport import load
from websockets.asyncio.client import ClientConnection, connect

from vivavoce_api import AudioChunk, ConfigurationError, Connection, PrerequisiteError, ReplyAudio, no_progress

SERVER = "websocket.server.SingleClientWebsocketServerTransport"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@dataclass
class Greeter:
    """Greets when a conversation begins, then listens until the client is gone."""

    begun: int = 0
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    heard_ms: float = 0.0

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        self.begun += 1
        try:
            await connection.send(ReplyAudio(1, AudioChunk(b"\x10\x10" * 4_800, 24_000)))
            async for chunk in connection.incoming():
                assert isinstance(chunk, AudioChunk)
                self.heard_ms += chunk.duration_ms
        finally:
            self.ended.set()


async def connected(port: int) -> ClientConnection:
    """A client, as soon as the server listens."""
    while True:
        try:
            return await connect(f"ws://127.0.0.1:{port}")
        except OSError:
            await asyncio.sleep(0.02)


async def converse(port: int, greeter: Greeter) -> bytes:
    """Say a little, and hear the beginning of the greeting."""
    wire = ProtobufFrameSerializer()
    client = await connected(port)
    said = await wire.serialize(OutputAudioRawFrame(bytes(640), 16_000, 1))
    assert said is not None
    heard = await wire.deserialize(await client.recv())
    while greeter.heard_ms == 0:
        await client.send(said)
        await asyncio.sleep(0.01)
    await client.close()
    await greeter.ended.wait()
    assert isinstance(heard, InputAudioRawFrame)
    return heard.audio


@pytest.mark.slow
def test_one_conversation_after_the_other_over_pipecats_websocket() -> None:
    port = free_port()
    options = TransportOptions(transport=SERVER, settings={"host": "127.0.0.1", "port": port})

    async def run() -> None:
        greeter = Greeter()
        transport = load(options, no_progress)
        async with asyncio.timeout(30):
            serving = asyncio.create_task(transport.serve(greeter))
            for number in (1, 2):
                greeter.ended.clear()
                greeter.heard_ms = 0
                audio = await converse(port, greeter)
                assert audio[:64] == b"\x10\x10" * 32
                assert greeter.begun == number
            serving.cancel()
            await asyncio.wait([serving])
            await transport.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(run())


@pytest.mark.slow
def test_speech_comes_at_the_transports_own_rate_and_is_not_held_back() -> None:
    port = free_port()
    settings = {"host": "127.0.0.1", "port": port, "audio_out_sample_rate": 8_000}
    transport = load(TransportOptions(transport=SERVER, settings=settings), no_progress)

    async def run() -> None:
        wire = ProtobufFrameSerializer()
        serving = asyncio.create_task(transport.serve(Greeter()))
        try:
            async with asyncio.timeout(30):
                client = await connected(port)
                for _ in range(4):  # of 200 ms, in Pipecat's packets of 40: the filter needs 2 ms of the fifth
                    heard = await wire.deserialize(await client.recv())
                    assert isinstance(heard, InputAudioRawFrame)
                    assert heard.sample_rate == 8_000
                    assert AudioChunk(heard.audio, heard.sample_rate).duration_ms == 40
        finally:
            serving.cancel()
            await asyncio.wait([serving])

    asyncio.run(run())


def test_settings_are_checked_against_the_transport() -> None:
    options = TransportOptions(transport=SERVER, settings={"prot": 8000})
    with pytest.raises(ConfigurationError, match="unknown key 'prot'; did you mean 'port'"):
        load(options, no_progress)
    options = TransportOptions(transport=SERVER, settings={"audio_out_sample_rate": "high"})
    with pytest.raises(ConfigurationError, match=r"audio_out_sample_rate.*valid integer"):
        load(options, no_progress)


def test_a_missing_extra_is_named() -> None:
    with pytest.raises(PrerequisiteError) as error:
        load(TransportOptions(transport="local.audio.LocalAudioTransport"), no_progress)
    assert error.value.fix == 'pip install "pipecat-ai[local]"'
