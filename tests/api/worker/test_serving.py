"""A worker's side of the connection, in this process, with a host that is played record by record."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from vivavoce_api import (
    AudioChunk,
    EngineBusyError,
    Kind,
    Offer,
    Options,
    SessionContext,
    SpeechChunk,
    TextToSpeechCapabilities,
)
from vivavoce_api.worker import serving
from vivavoce_api.worker.records import PROTOCOL, Decoder, Record, Type, encode
from vivavoce_api.worker.serving import WorkerServer
from vivavoce_api.worker.values import encode_value

PATIENCE_S = 20
CHUNK = SpeechChunk(AudioChunk(bytes(160), 16_000))


class Host:
    """The other end of the connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self._decoder = Decoder()
        self._records: list[Record] = []

    def send(self, what: Type, call: int = 0, /, **values: Any) -> None:
        self.writer.write(encode(Record(what, call, values)))

    def call(self, call: int, method: str, argument: object = None, session: object = 1) -> None:
        self.send(Type.CALL, call, session=session, method=method, argument=encode_value(argument)[0])

    async def next(self) -> Record:
        """The next record that is no beat."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                while self._records:
                    record = self._records.pop(0)
                    if record.type is not Type.BEAT:
                        return record
                data = await self._reader.read(65_536)
                if not data:
                    raise EOFError
                self._records += self._decoder.feed(data)


class Voice:
    """One chunk a word; "wait" waits, "busy" fails. It notes what befalls it."""

    max_sessions = 3

    def __init__(self) -> None:
        self.notes: list[str] = []

    async def open_session(self, context: SessionContext) -> Voice:
        self.notes.append(f"open {context.session_id}")
        return self

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        try:
            async for word in text:
                if word == "busy":
                    raise EngineBusyError("too much to say")
                if word == "wait":
                    await asyncio.Event().wait()
                yield CHUNK
        except (asyncio.CancelledError, GeneratorExit):
            self.notes.append("cancelled")
            await asyncio.sleep(0.01)  # the engine takes a moment to stop
            self.notes.append("stopped")
            raise
        self.notes.append("said")

    async def close(self) -> None:
        self.notes.append("close")


@asynccontextmanager
async def served(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    """A host, connected to a worker that has loaded `voice`; at the end the host is gone."""
    offer = Offer(
        Kind.TEXT_TO_SPEECH, "v", "", Options, lambda options, progress: voice, TextToSpeechCapabilities(16_000)
    )
    monkeypatch.setattr("vivavoce_api.worker.starting.find_offer", lambda order: offer)
    ours, theirs = socket.socketpair()
    _, server = await asyncio.get_running_loop().create_connection(WorkerServer, sock=theirs)
    serving_it = asyncio.create_task(server.serve())
    host = Host(*await asyncio.open_connection(sock=ours))
    try:
        assert await host.next() == Record(Type.HELLO, values={"protocol": PROTOCOL})
        host.send(Type.START, distribution="d", kind="tts", name="v", actions=["load"], options={})
        ready = await host.next()
        assert (ready.type, ready.values) == (Type.READY, {"max_sessions": 3, "tool": None})
        host.call(1, "open", SessionContext("one"))
        assert [(await host.next()).type for _ in range(2)] == [Type.ITEM, Type.END]
        assert gc.get_freeze_count() > 0, "what is loaded is kept from the garbage collector"
        yield host
    finally:
        gc.unfreeze()  # the process is the tests'
        host.writer.close()
        async with asyncio.timeout(PATIENCE_S):
            await serving_it
    assert voice.notes[-2:] == ["close", "close"]  # the session's and the engine's


def test_a_call_streams_in_and_out(monkeypatch):
    async def scenario():
        voice = Voice()
        async with served(voice, monkeypatch) as host:
            host.call(2, "synthesize")
            for word in ("one", "two"):
                host.send(Type.ITEM, 2, **encode_value(word)[0])
                record = await host.next()
                assert (record.type, record.call, record.sound) == (Type.ITEM, 2, CHUNK.audio.pcm)
            host.send(Type.END, 2)
            assert await host.next() == Record(Type.END, 2)
        assert voice.notes[:2] == ["open one", "said"]

    asyncio.run(scenario())


def test_a_cancelled_call_ends_and_the_next_of_its_session_begins_after_it(monkeypatch):
    async def scenario():
        voice = Voice()
        async with served(voice, monkeypatch) as host:
            host.call(2, "synthesize")
            host.send(Type.ITEM, 2, **encode_value("wait")[0])
            await asyncio.sleep(0.01)
            host.send(Type.CANCEL, 2)
            host.call(3, "synthesize")
            host.send(Type.END, 3)
            assert [await host.next() for _ in range(2)] == [Record(Type.END, 2), Record(Type.END, 3)]
        assert voice.notes[:4] == ["open one", "cancelled", "stopped", "said"]

    asyncio.run(scenario())


def test_a_call_that_is_cancelled_before_it_began_ends_too(monkeypatch):
    async def scenario():
        async with served(Voice(), monkeypatch) as host:
            host.call(2, "synthesize")
            host.send(Type.CANCEL, 2)
            host.send(Type.CANCEL, 2)
            assert await host.next() == Record(Type.END, 2)

    asyncio.run(scenario())


def test_an_error_ends_the_call_alone(monkeypatch):
    async def scenario():
        async with served(Voice(), monkeypatch) as host:
            host.call(2, "synthesize")
            host.send(Type.ITEM, 2, **encode_value("busy")[0])
            record = await host.next()
            assert (record.type, record.call, record.values["kind"]) == (Type.ERROR, 2, "EngineBusyError")
            for call, method, session in ((3, "synthesize", 9), (4, "explode", 1), (5, "reset", "x")):
                host.call(call, method, session=session)
                record = await host.next()
                assert (record.type, record.call) == (Type.ERROR, call)
            host.call(6, "close")
            assert await host.next() == Record(Type.END, 6)
            host.call(7, "open", SessionContext("two"))
            assert (await host.next()).type is Type.ITEM

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff" * 20,
        encode(Record(Type.READY)),
        encode(Record(Type.START)),
        encode(Record(Type.CALL, 9, {"argument": {"is": "?"}})),
        encode(Record(Type.CALL, 9, {"session": 1, "method": "synthesize"})) * 2,
    ],
    ids=["bytes", "READY", "a second START", "no value", "a call twice"],
)
def test_a_host_that_breaks_the_protocol_is_left(monkeypatch, garbage):
    async def scenario():
        async with served(Voice(), monkeypatch) as host:
            host.writer.write(garbage)
            with pytest.raises(EOFError):
                [await host.next() for _ in range(9)]

    asyncio.run(scenario())


def test_it_beats(monkeypatch):
    monkeypatch.setattr(serving, "BEAT_S", 0.001)

    async def scenario():
        ours, theirs = socket.socketpair()
        _, server = await asyncio.get_running_loop().create_connection(WorkerServer, sock=theirs)
        reader, writer = await asyncio.open_connection(sock=ours)
        serving_it = asyncio.create_task(server.serve())
        beats, decoder = 0, Decoder()
        async with asyncio.timeout(PATIENCE_S):
            while beats < 3:
                records = decoder.feed(await reader.read(65_536))
                beats += sum(record.type is Type.BEAT for record in records)
        writer.close()
        await serving_it

    asyncio.run(scenario())


def test_an_order_for_what_is_not_installed_is_answered_in_words():
    async def scenario():
        ours, theirs = socket.socketpair()
        _, server = await asyncio.get_running_loop().create_connection(WorkerServer, sock=theirs)
        host = Host(*await asyncio.open_connection(sock=ours))
        serving_it = asyncio.create_task(server.serve())
        await host.next()
        host.send(Type.START, distribution="no-such", kind="tts", name="v", actions=["load"], options={})
        record = await host.next()
        assert (record.type, record.values["kind"]) == (Type.ERROR, "PluginError")
        assert record.values["message"] == "no-such is not installed in the worker's environment"
        host.call(1, "synthesize")
        assert "has not loaded its engine yet" in (await host.next()).values["message"]
        host.writer.close()
        await serving_it

    asyncio.run(scenario())
