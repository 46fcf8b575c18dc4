"""What the tests of this plugin share: real speech, and one local server that stands in for providers."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import math
import threading
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from aiohttp import WSMsgType, web
from vivavoce_pipecat.quiet import import_quietly

from vivavoce_api import AudioChunk

CLIPS = Path(__file__).parents[2] / "data" / "speech"
SPEECH_RATE_HZ = 24_000
MS_PER_CHARACTER = 40

for module in ("pipeline", "processor", "language_model", "speech_to_text", "text_to_speech", "transport"):
    import_quietly(f"vivavoce_pipecat.{module}")


def clip(path: Path) -> AudioChunk:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return AudioChunk(soxr.resample(samples, file.getframerate(), 16_000).tobytes(), 16_000)


@pytest.fixture(scope="session")
def sentences() -> list[AudioChunk]:
    """Six sentences of real speech at 16 kHz."""
    return [clip(path) for path in sorted(CLIPS.glob("*.wav"))]


@pytest.fixture(scope="session")
def speech(sentences: list[AudioChunk]) -> AudioChunk:
    """One of them, 3.9 s."""
    return sentences[0]


@dataclass
class StandIn:
    """A local server that speaks as the providers do, and remembers what it was asked."""

    url: str = ""
    requests: list[dict[str, Any]] = field(default_factory=list)
    running: int = 0
    """Language-model and speech requests that are being answered at this moment."""

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 26)
        app.router.add_post("/v1/chat/completions", self.chat)
        app.router.add_post("/v1/audio/transcriptions", self.transcribe)
        app.router.add_post("/v1/audio/speech", self.speak)
        app.router.add_get("/stt/websocket", self.stream_transcripts)
        return app

    async def chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append({"headers": dict(request.headers), **body})
        asked = str(body["messages"][-1]["content"])
        if "stall" in asked:
            await asyncio.sleep(5)
        if "refuse" in asked:
            key = request.headers["Authorization"]
            return web.json_response({"error": {"message": f"the key {key} is not welcome"}}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        self.running += 1
        try:
            for delta in deltas(asked, bool(body.get("tools"))):
                await response.write(event({"choices": [{"index": 0, "delta": delta}]}))
                await asyncio.sleep(0.005)
            usage = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
            await response.write(event({"choices": [], "usage": usage}))
            await response.write(b"data: [DONE]\n\n")
        finally:
            self.running -= 1
        return response

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        body = await request.post()
        file = body["file"]
        assert isinstance(file, web.FileField)
        with wave.open(io.BytesIO(file.file.read())) as audio:
            pcm = audio.readframes(audio.getnframes())
        return web.json_response({"text": words_in(pcm)})

    async def speak(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.requests.append(body)
        if "silence" in body["input"]:
            return web.Response(body=b"")
        response = web.StreamResponse()
        await response.prepare(request)
        self.running += 1
        try:
            for character in body["input"]:
                await response.write(tone(200 + ord(character) % 50 * 10, MS_PER_CHARACTER))
                await asyncio.sleep(0)
        finally:
            self.running -= 1
        return response

    async def stream_transcripts(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        heard = bytearray()
        async for message in socket:
            if message.type == WSMsgType.BINARY:
                heard += message.data
            elif message.data == "finalize":
                text, heard = words_in(bytes(heard)), bytearray()
                await socket.send_json({"type": "transcript", "text": text.split(" ")[0], "is_final": False})
                await socket.send_json({"type": "transcript", "text": text, "is_final": True})
            elif message.data == "done":
                break
        return socket


def deltas(asked: str, tools: bool) -> Iterator[dict[str, Any]]:
    """What the model answers, in pieces."""
    if tools and "weather" in asked:
        call = {"index": 0, "id": "call-1", "type": "function", "function": {"name": "weather", "arguments": ""}}
        yield {"tool_calls": [call]}
        for piece in ('{"city": ', '"Paris"}'):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}
    elif "one word only: " in asked:
        yield {"content": asked.rpartition(": ")[2]}
    else:
        for n in itertools.count(1) if "Count" in asked else range(1, 8):
            yield {"content": f"word{n} "}


def event(data: dict[str, Any]) -> bytes:
    whole = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "stand-in", **data}
    return b"data: " + json.dumps(whole).encode() + b"\n\n"


def words_in(pcm: bytes) -> str:
    """ "heard N" with N the loud tenths of a second; nothing for silence."""
    samples = np.frombuffer(pcm[: len(pcm) // 3200 * 3200], np.int16).reshape(-1, 1600)
    loud = int((np.abs(samples).max(axis=1) > 500).sum()) if samples.size else 0
    return f"heard {loud}" if loud else ""


def tone(pitch_hz: float, duration_ms: int) -> bytes:
    count = SPEECH_RATE_HZ * duration_ms // 1000
    return (8000 * np.sin(np.arange(count) * 2 * math.pi * pitch_hz / SPEECH_RATE_HZ)).astype(np.int16).tobytes()


@pytest.fixture(scope="session")
def stand_in() -> Iterator[StandIn]:
    """The server, on a free port, in a thread of its own."""
    server, ready, loop = StandIn(), threading.Event(), asyncio.new_event_loop()
    end = asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(server.app(), shutdown_timeout=0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.url = f"127.0.0.1:{runner.addresses[0][1]}"
        ready.set()
        await end.wait()
        await runner.cleanup()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(10)
    yield server
    loop.call_soon_threadsafe(end.set)
    thread.join(10)
    loop.close()


@pytest.fixture(scope="class", autouse=True)
def stand_in_url(request: pytest.FixtureRequest) -> None:
    """Classes that declare `stand_in_url` get the server's address there."""
    if request.cls is not None and hasattr(request.cls, "stand_in_url"):
        request.cls.stand_in_url = request.getfixturevalue("stand_in").url
