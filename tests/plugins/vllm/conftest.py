"""A stand-in for a model server: plain HTTP in a thread, behaving well or badly by the name of the model."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

REFUSALS = {
    "401": (401, "Unauthorized, your key secret-key is wrong"),
    "404": (404, "The model does not exist"),
    "429": (429, "slow down"),
    "500": (500, "out of\nmemory"),
    "503": (503, "loading"),
    "overflow": (400, "This model's maximum context length is 4096 tokens, you asked for 5000"),
    "bad": (400, "temperature is wrong"),
}


@dataclass
class Request:
    """A request as it arrived."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


@dataclass
class StandIn:
    """The server. `failures_left`: so many requests are answered with 503 first."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    failures_left: int = 0
    chatted: threading.Event = field(default_factory=threading.Event)
    aborted: threading.Event = field(default_factory=threading.Event)
    pace_s: float = 0.002

    def chats(self) -> list[Request]:
        """The chat completions among the requests."""
        return [request for request in self.requests if request.path.endswith("/chat/completions")]

    async def serve(self, started: threading.Event, stop: asyncio.Event) -> None:
        server = await asyncio.start_server(self._connection, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        started.set()
        async with server:
            await stop.wait()

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while request := await _read_request(reader):
                self.requests.append(request)
                await self._watched_answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    async def _watched_answer(self, request: Request, reader: Any, writer: Any) -> None:
        """Answer; stop as soon as the client hangs up."""
        answer = asyncio.create_task(self._answer(request, writer))
        self.chatted.set()
        while not answer.done():
            if reader.at_eof():
                answer.cancel()
                self.aborted.set()
                raise ConnectionError
            await asyncio.sleep(0.002)
        try:
            await answer
        except ConnectionError:
            self.aborted.set()
            raise

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        model = request.body.get("model", "")
        if request.path == "/v1/models":
            return _send_json(writer, 200, {"object": "list", "data": [{"id": "good", "object": "model"}]})
        if self.failures_left:
            self.failures_left -= 1
            return _send_json(writer, 503, {"error": {"message": "loading"}})
        if model.startswith("fits-") and len(request.body["messages"]) > int(model.removeprefix("fits-")):
            model = "overflow"
        if model in REFUSALS:
            status, message = REFUSALS[model]
            return _send_json(writer, status, {"error": {"message": message}})
        if model == "redirect":
            return _send(writer, 307, "text/plain", b"", f"Location: {self.url}/elsewhere\r\n")
        if model == "html":
            return _send(writer, 200, "text/html", b"<html>It works!</html>")
        if not request.body.get("stream"):
            return _send_json(writer, 200, _completion(request.body))
        return await self._stream(model, request.body, writer)

    async def _stream(self, model: str, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        events = _events(model, body)
        for number, event in enumerate(events):
            if event == "hang":
                await asyncio.sleep(3600)
            if event == "die":
                writer.transport.abort()
                raise ConnectionError
            line = f"data: {event}\n\n".encode()
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()
            await asyncio.sleep(self.pace_s if number else 0)
        writer.write(b"0\r\n\r\n")


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(head[0].split()[1], headers, json.loads(body) if body else {})


def _send(writer: asyncio.StreamWriter, status: int, kind: str, body: bytes, more: str = "") -> None:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    writer.write(head.encode() + body)


def _send_json(writer: asyncio.StreamWriter, status: int, body: Any) -> None:
    _send(writer, status, "application/json", json.dumps(body).encode())


def _completion(body: dict[str, Any]) -> dict[str, Any]:
    top = [("?", -0.5), ("<|im_end|>", -2.0), (" and", -3.0), ("?\n", -4.0)]
    tokens = [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in top]
    logprobs = {"content": [{**tokens[0], "top_logprobs": tokens}]} if body.get("logprobs") else None
    choice = {"index": 0, "finish_reason": "length", "message": {"role": "assistant", "content": "?"}}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{**choice, "logprobs": logprobs}],
    }


def _chunk(delta: dict[str, Any] | None, finish: str | None = None, usage: Any = None) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return json.dumps({**chunk, "usage": usage})


def _call(index: int, arguments: str, name: str | None = None) -> dict[str, Any]:
    call = {"index": index, "type": "function", "function": {"name": name, "arguments": arguments}}
    return {"tool_calls": [{**call, "id": f"id-{index}"} if name else call]}


def _events(model: str, body: dict[str, Any]) -> list[str]:
    """The events of a streamed reply: the user's words said back, unless the model's name says otherwise."""
    user = body["messages"][-1]["content"]
    words = ["word "] * 2000 if "Count" in user else ["You ", "said: ", *(f"{word} " for word in user.split()[:50])]
    usage = {"prompt_tokens": 20, "completion_tokens": 7, "total_tokens": 27}
    start = _chunk({"role": "assistant", "content": ""})
    text = [_chunk({"content": word}) for word in words]
    end = [_chunk({}, "stop"), _chunk(None, usage={**usage, "prompt_tokens_details": {"cached_tokens": 16}}), "[DONE]"]
    tools = [_call(0, "", "weather"), _call(0, '{"city":'), _call(1, "{}", "clock"), _call(0, '"Oslo"}')]
    return {
        "silent": ["hang"],
        "role-only": [start, "hang"],
        "stalls": [start, text[0], "hang"],
        "dies": [start, text[0], "die"],
        "dies-early": [start, "die"],
        "cut-short": [start, *text, "[DONE]"],
        "garbage": ['{"id": '],
        "odd": ["[1, 2]"],
        "says-error": [json.dumps({"error": {"message": "CUDA error"}})],
        "tools": [start, *(_chunk(delta) for delta in tools), _chunk({}, "tool_calls"), *end[1:]],
    }.get(model, [start, *text, *end])


@pytest.fixture(scope="module")
def stand_in_server() -> Iterator[StandIn]:
    """A stand-in server, one a test module."""
    stand_in, started, loop, stop = StandIn(), threading.Event(), asyncio.new_event_loop(), asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(_run(stand_in, started, stop)))
    thread.start()
    assert started.wait(10)
    yield stand_in
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()


async def _run(stand_in: StandIn, started: threading.Event, stop: asyncio.Event) -> None:
    await stand_in.serve(started, stop)
    connections = asyncio.all_tasks() - {asyncio.current_task()}
    for task in connections:
        task.cancel()
    await asyncio.gather(*connections, return_exceptions=True)


@pytest.fixture
def stand_in(stand_in_server: StandIn) -> StandIn:
    """The stand-in server, with nothing recorded yet."""
    stand_in_server.requests.clear()
    stand_in_server.chatted.clear()
    stand_in_server.aborted.clear()
    stand_in_server.failures_left = 0
    return stand_in_server
