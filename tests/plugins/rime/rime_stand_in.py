"""A stand-in for Rime's servers that speaks their documented shapes, well or badly by the name of the voice."""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

KEY = "good-key"
REFUSALS = {
    "limited-key": (429, "Currently at websocket limit"),
    "down-key": (503, "starting"),
    "odd-key": (400, "lang"),
}
CHUNK_BYTES = 4801
"""Odd, so that every other chunk begins within a sample."""
NUMBERS = {"3": ["three"], "$5": ["five", "dollars"]}


@dataclass(frozen=True)
class Spoken:
    """A text as the stand-in speaks it: its sound, and its words as they are spoken, with seconds."""

    pcm: bytes
    words: list[str]
    starts: list[float]
    ends: list[float]


@lru_cache
def tone(rate_hz: int) -> bytes:
    """Three seconds of a tone, PCM16."""
    samples = [round(9000 * math.sin(2 * math.pi * 220 * n / rate_hz)) for n in range(3 * rate_hz)]
    return struct.pack(f"<{len(samples)}h", *samples)


def spoken(text: str, rate_hz: int) -> Spoken:
    """A tone of 45 ms for each letter, 3 s at most, 40 ms of silence after each word; numbers are written out."""
    words, starts, ends, pcm = [], [], [], bytearray()
    for written in text.split():
        plain = "".join(c for c in written if c.isalnum() or c == "$")
        for word in NUMBERS.get(plain, [written.lower()]):
            words.append(word)
            starts.append(len(pcm) / 2 / rate_hz)
            pcm += tone(rate_hz)[: 2 * round(0.045 * sum(c.isalnum() for c in word) * rate_hz)]
            ends.append(len(pcm) / 2 / rate_hz)
            pcm += bytes(2 * round(0.04 * rate_hz))
    return Spoken(bytes(pcm), words, starts, ends)


def pieces(pcm: bytes) -> list[bytes]:
    return [pcm[start : start + CHUNK_BYTES] for start in range(0, len(pcm), CHUNK_BYTES)]


@dataclass
class StandIn:
    """The servers, each on a port of its own. `received` are the WebSocket's messages, `posts` the HTTP requests."""

    pace_s: float = 0.0
    connections: int = 0
    heads: int = 0
    upgrades: list[Request] = field(default_factory=list)
    received: list[Any] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    ports: dict[str, int] = field(default_factory=dict)
    _open: list[Any] = field(default_factory=list)
    _drops: int = 1

    async def __aenter__(self) -> StandIn:
        self._sockets: Server = await serve(
            self._converse, "127.0.0.1", 0, process_request=self._upgrade, select_subprotocol=_subprotocol
        )
        self._posts = await asyncio.start_server(self._post, "127.0.0.1", 0)
        for name, server in (("ws", self._sockets), ("http", self._posts)):
            self.ports[name] = next(iter(server.sockets)).getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._sockets.close()
        self._posts.close()
        for writer in self._open:
            writer.close()
        await self._sockets.wait_closed()

    def options(self, variant: str = "ws3") -> dict[str, Any]:
        """What the YAML says to speak with it: over `ws3`, `v1` or `http`."""
        if variant == "http":
            return {"protocol": "http", "url": f"http://127.0.0.1:{self.ports['http']}/v1/rime-tts"}
        model, path = ("mistv2", "ws3") if variant == "ws3" else ("mistv3", "ws")
        return {"model": model, "url": f"ws://127.0.0.1:{self.ports['ws']}/{path}"}

    async def close_all(self, reason: str = "") -> None:
        """Close the open WebSockets, as an idle server does."""
        for connection in list(self._sockets.connections):
            await connection.close(1001, reason)

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.upgrades.append(request)
        status, words = _verdict(request.headers.get("Authorization", ""))
        return None if status == 200 else connection.respond(status, words)

    async def _converse(self, connection: ServerConnection) -> None:
        self.connections += 1
        assert connection.request is not None
        path = connection.request.path
        try:
            if path.startswith("/ws3?"):
                await _Ws3(self, connection, {k: v[0] for k, v in parse_qs(urlsplit(path).query).items()}).run()
            else:
                await _V1(self, connection).run()
        except ConnectionClosed:
            pass

    async def behave(self, talk: _Talk, voice: str, text: str, rate_hz: int) -> None:
        """Speak `text` over one of the WebSockets, or fail at it."""
        sound = spoken(text, rate_hz)
        match voice:
            case "drops" | "drops-once" if self._drops or voice == "drops":
                self._drops -= 1
                talk.connection.transport.abort()
            case "says-error":
                await talk.error("invalid_input", "no such speaker")
            case "says-limit":
                await talk.error("resource_exhausted", "concurrency limit reached")
            case "garbage" | "odd" | "base64":
                await talk.connection.send({"garbage": "<html>", "odd": "[1, 2]", "base64": talk.bad_sound()}[voice])
            case "silent":
                pass
            case "stalls" | "dies" | "closes":
                await talk.sound(pieces(sound.pcm)[0])
                await self._break(talk, voice)
            case _:
                await self._speak(talk, voice, sound)

    async def _break(self, talk: _Talk, voice: str) -> None:
        if voice == "dies":
            talk.connection.transport.abort()
        elif voice == "closes":
            await talk.connection.close(1011, "401 invalid subscription")

    async def _speak(self, talk: _Talk, voice: str, sound: Spoken) -> None:
        if voice == "early-times":
            await talk.times(sound)
        for number, piece in enumerate(pieces(sound.pcm)):
            await talk.sound(piece)
            await asyncio.sleep(self.pace_s)
            if number == 1 and voice == "cove":
                await talk.times(sound)
        await talk.done(sound)

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.append(writer)
        try:
            while not reader.at_eof():
                await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.hung_up.set()
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in head[1:] if line)}
        if head[0].startswith("HEAD"):
            self.heads += 1
            return writer.write(b"HTTP/1.1 405 No\r\nContent-Length: 0\r\n\r\n")
        body = json.loads(await reader.readexactly(int(headers["content-length"])))
        self.posts.append({**body, "headers": headers})
        status, words = _verdict(headers.get("authorization", ""))
        if status != 200:
            return _send(writer, status, "text/plain", words.encode())
        voice = body["speaker"]
        if voice == "garbage":
            return _send(writer, 200, "application/json", b'{"audioContent": ""}')
        if voice == "says-error":
            return _send(writer, 400, "text/plain", b"no such speaker")
        await self._stream(voice, spoken(body["text"], body["samplingRate"]), reader, writer)

    async def _stream(self, voice: str, sound: Spoken, reader: Any, writer: asyncio.StreamWriter) -> None:
        if voice == "silent":
            await self._until_hung_up(reader)
        if voice == "drops" or (voice == "drops-once" and self._drops):
            self._drops -= 1
            writer.transport.abort()
            raise ConnectionError
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: audio/pcm\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in pieces(sound.pcm):
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            if self.pace_s:
                await asyncio.sleep(self.pace_s)
            if voice == "dies":
                writer.transport.abort()
                raise ConnectionError
            if voice == "stalls":
                await self._until_hung_up(reader)
        writer.write(b"0\r\n\r\n")

    async def _until_hung_up(self, reader: asyncio.StreamReader) -> None:
        await reader.read(1)
        raise ConnectionError


def _subprotocol(connection: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
    return next((one for one in offered if one == "rime.v1.json"), None)


def _verdict(authorization: str) -> tuple[int, str]:
    key = authorization.removeprefix("Bearer ")
    if key == KEY:
        return 200, ""
    return REFUSALS.get(key, (401, f"invalid api key {key}" if key else "missing headers"))


def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes) -> None:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)


class _Talk:
    """One WebSocket; what is being spoken on it is one task, which `stop` ends."""

    def __init__(self, stand_in: StandIn, connection: ServerConnection) -> None:
        self.stand_in = stand_in
        self.connection = connection
        self.task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self.greet()
            async for message in self.connection:
                self.stand_in.received.append(json.loads(message))
                await self.take(self.stand_in.received[-1])
        finally:
            self.stop()

    def begin(self, voice: str, text: str, rate_hz: int) -> None:
        self.task = asyncio.create_task(self._speak(voice, text, rate_hz))

    async def _speak(self, voice: str, text: str, rate_hz: int) -> None:
        try:
            await self.stand_in.behave(self, voice, text, rate_hz)
        except ConnectionClosed:
            pass

    def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()

    async def send(self, **event: Any) -> None:
        await self.connection.send(json.dumps(event))

    async def greet(self) -> None: ...

    async def take(self, message: dict[str, Any]) -> None: ...

    async def times(self, sound: Spoken) -> None: ...

    async def sound(self, pcm: bytes) -> None: ...

    async def done(self, sound: Spoken) -> None: ...

    async def error(self, kind: str, message: str) -> None: ...

    def bad_sound(self) -> str: ...  # type: ignore[empty-body]


class _Ws3(_Talk):
    """`/ws3` with `segment=never`."""

    def __init__(self, stand_in: StandIn, connection: ServerConnection, query: dict[str, str]) -> None:
        super().__init__(stand_in, connection)
        self.query, self.text, self.context_id = query, "", None
        assert query["audioFormat"] == "pcm"
        assert query["segment"] == "never"

    async def take(self, message: dict[str, Any]) -> None:
        if "text" in message:
            self.text, self.context_id = self.text + message["text"], message.get("contextId")
        elif message["operation"] == "flush":
            text, self.text = self.text, ""
            assert self.task is None or self.task.done(), "flushed while speaking"
            self.begin(self.query["speaker"], text, int(self.query["samplingRate"]))
        elif message["operation"] == "clear":
            self.text = ""
            # What was made already still comes, marked with the context that it was asked for with.
            await self.sound(b"\x01\x02\x03")
            self.stop()

    async def times(self, sound: Spoken) -> None:
        times = {"words": sound.words, "start": sound.starts, "end": sound.ends}
        await self.send(type="timestamps", word_timestamps=times, contextId=self.context_id)

    async def sound(self, pcm: bytes) -> None:
        await self.send(type="chunk", data=base64.b64encode(pcm).decode(), contextId=self.context_id)

    async def done(self, sound: Spoken) -> None:
        await self.send(type="done", done=True, contextId=self.context_id)

    async def error(self, kind: str, message: str) -> None:
        await self.send(type="error", message=message)

    def bad_sound(self) -> str:
        return json.dumps({"type": "chunk", "data": "?", "contextId": self.context_id})


class _V1(_Talk):
    """Protocol v1; the times of words come with `done`, as they are before `timeScaleFactor`."""

    context_id, stretch, timed = "", 1.0, True

    async def greet(self) -> None:
        assert self.connection.subprotocol == "rime.v1.json"
        await self.send(ready={"protocol": 1, "languages": ["en"]})

    async def take(self, message: dict[str, Any]) -> None:
        if "start" in message:
            start, self.context_id = message["start"], message["contextId"]
            self.stretch = start["audioParameters"].get("timeScaleFactor", 1.0)
            self.timed = start["timestamps"]["enable"] and start["speaker"] != "no-times"
            await self.send(contextId=self.context_id, started={"requestId": "r"})
            self.begin(start["speaker"], start["text"], start["audioParameters"]["samplingRate"])
        elif "cancel" in message:
            self.stop()
            await self.sound(b"\x01\x02\x03")
            await self.send(contextId=message["contextId"], cancelled={})

    async def sound(self, pcm: bytes) -> None:
        await self.send(contextId=self.context_id, audio=base64.b64encode(pcm).decode())

    async def done(self, sound: Spoken) -> None:
        spans = [
            {"text": word, "start": f"{start / self.stretch}s", "end": f"{end / self.stretch}s"}
            for word, start, end in zip(sound.words, sound.starts, sound.ends, strict=True)
        ]
        timestamps = {"status": {}, "spans": spans} if self.timed else {"status": {"code": 14}}
        await self.send(contextId=self.context_id, done={"timestamps": timestamps})

    async def error(self, kind: str, message: str) -> None:
        await self.send(contextId=self.context_id, error={"kind": kind, "message": message})

    def bad_sound(self) -> str:
        return json.dumps({"contextId": self.context_id, "audio": "?"})
