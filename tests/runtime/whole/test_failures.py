"""A whole agent, served, whose language model is away, slow, or dies: simulated ears and voice, a stand-in server."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from vivavoce.wire.client import open_client
from vivavoce_api import ErrorNotice

pytestmark = pytest.mark.slow

AGENT = """
name: frail
instructions: Be brief.
stt: {{plugin: simulated, script: {script}}}
llm: {{plugin: vllm, base_url: "{url}", model: m, retries: 0, first_token_timeout_s: 2, token_timeout_s: 1,
       allowed_hosts: ["127.0.0.1:{allowed}"], warm_prefix: false, predict_end_of_turn: false}}
tts: {{plugin: simulated, streams_text: true}}
"""


class ModelServer:
    """Streams the words that `pieces` holds; a number is a pause in seconds, None breaks the connection."""

    def __init__(self):
        self.pieces = ["Hello", " there."]
        self.requests = 0
        self.port = 0

    async def start(self, port):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port = port

    async def stop(self):
        self.server.close()
        await self.server.wait_closed()

    async def _serve(self, reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            self.requests += 1
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
            for piece in self.pieces:
                if piece is None:
                    writer.transport.abort()
                    return
                if isinstance(piece, (int, float)):
                    await asyncio.sleep(piece)
                    continue
                delta: dict = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
                delta["choices"] = [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]
                writer.write(b"data: " + json.dumps(delta).encode() + b"\n\n")
                await writer.drain()
            end = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "m"}
            end["choices"] = [{"index": 0, "delta": {}, "finish_reason": "stop"}]
            writer.write(b"data: " + json.dumps(end).encode() + b"\n\ndata: [DONE]\n\n")
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="module")
def allowed_port():
    return free_port()


@pytest.fixture(scope="module")
def frail(serve_agent, clips, tmp_path_factory, allowed_port):
    """The agent and its model server; both live on one runner."""
    folder = tmp_path_factory.mktemp("frail")
    script = folder / "script.json"
    script.write_text(json.dumps([[{"word": "Hello.", "end_ms": 500}]]))
    model = ModelServer()
    port = free_port()
    path = folder / "agent.yaml"
    path.write_text(AGENT.format(script=script, url=f"http://127.0.0.1:{port}/v1", allowed=allowed_port))
    served = serve_agent(path)
    served.runner.run(model.start(port))
    yield served, model
    served.runner.run(model.stop())


def one_turn(served, clips):
    (turn,) = served.converse(list(clips)[4:5])
    return turn


def test_it_answers(frail, clips):
    served, model = frail
    model.pieces = ["Hello", " there."]
    turn = one_turn(served, clips)
    assert (turn.reply, turn.errors) == ("Hello there.", [])


def test_a_model_that_dies_in_mid_sentence_is_told_and_the_session_goes_on(frail, clips):
    served, model = frail
    model.pieces = ["Well", " then,", None]
    turn = one_turn(served, clips)
    assert turn.errors == ["The model server ended the reply in the middle."]
    assert turn.reply in ("Well", "Well then,")
    model.pieces = ["Good", " again."]
    assert one_turn(served, clips).reply == "Good again."


def test_a_model_that_is_slow_is_told(frail, clips):
    served, model = frail
    model.pieces = [30]
    turn = one_turn(served, clips)
    assert len(turn.errors) == 1
    assert turn.reply == ""


def test_a_model_that_is_away_is_told_with_its_address(frail, clips):
    served, model = frail
    served.runner.run(model.stop())
    turn = one_turn(served, clips)
    served.runner.run(model.start(model.port))
    assert len(turn.errors) == 1
    assert str(model.port) in turn.errors[0]


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/v1", "http://example.org/v1", "file:///etc/passwd", "nonsense"])
def test_a_model_server_that_is_not_allowed_is_refused_and_never_contacted(frail, url):
    served, model = frail
    before = model.requests

    async def connect():
        async with open_client(f"{served.url}?vllm_url={url}") as client:
            items = [arrival.item async for arrival in client.arrivals()]
            return items, client.close_code

    items, code = served.runner.run(connect())
    assert code == 1008
    assert [type(item) for item in items] == [ErrorNotice]
    assert "vllm_url" in items[0].message or "allowed" in items[0].message
    assert model.requests == before


def test_a_model_server_that_is_allowed_is_used(frail, clips, allowed_port):
    served, _ = frail
    other = ModelServer()
    other.pieces = ["From", " elsewhere."]
    served.runner.run(other.start(allowed_port))
    (turn,) = served.converse(list(clips)[4:5], query=f"?vllm_url=http://127.0.0.1:{allowed_port}/v1")
    served.runner.run(other.stop())
    assert turn.reply == "From elsewhere."
