"""The ASGI application of a container: early, in time, failing, and when it stops."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from vivavoce.deployment.container import DRAIN_S, EARLY_WAIT_S, Service, application
from vivavoce_api import EngineError, EngineUnavailableError
from vivavoce_api.testing import VirtualTimeLoop

SOCKET: dict[str, Any] = {
    **{"type": "websocket", "asgi": {"version": "3.0"}, "path": "/ws", "raw_path": b"/ws", "query_string": b""},
    **{"headers": [], "subprotocols": [], "client": ("127.0.0.1", 1), "scheme": "ws"},
}


class Agent:
    """Takes `load_s` to load, and `talk_s` a conversation."""

    def __init__(self, load_s: float = 0, talk_s: float = 0, error: Exception | None = None) -> None:
        self.definition = SimpleNamespace(name="test", transport=SimpleNamespace(options=None))
        self.ready, self.closed, self.ended = False, False, 0
        self._load_s, self._talk_s, self._error = load_s, talk_s, error

    async def load(self) -> None:
        await asyncio.sleep(self._load_s)
        if self._error is not None:
            raise self._error
        self.ready = True

    async def close(self) -> None:
        self.closed = True

    def status(self) -> dict[str, Any]:
        return {"agent": "test", "ready": self.ready}

    async def converse(self, connection: Any, parameters: Any) -> None:
        await asyncio.sleep(self._talk_s)
        self.ended += 1


class Client:
    """One WebSocket: what the application sent, when, and how it ended."""

    def __init__(self, service: Service) -> None:
        self.sent: list[tuple[float, Any]] = []
        self._waiting = [{"type": "websocket.connect"}]
        self.task = asyncio.create_task(service(SOCKET, self._receive, self._send))

    async def _receive(self) -> Any:
        if self._waiting:
            return self._waiting.pop()
        return await asyncio.Event().wait()

    async def _send(self, message: Any) -> None:
        self.sent.append((asyncio.get_running_loop().time(), message))

    @property
    def story(self) -> list[tuple[float, str, Any]]:
        return [(round(when, 1), message["type"], message.get("code")) for when, message in self.sent]


def run(main: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(main)


def service_of(agent: Agent, **options: Any) -> Service:
    return Service(agent, **options)  # type: ignore[arg-type]


async def lifespan(service: Service, *messages: str) -> list[Any]:
    waiting, sent = list(messages), []

    async def receive() -> Any:
        return {"type": f"lifespan.{waiting.pop(0)}"}

    async def send(message: Any) -> None:
        sent.append(message)

    await service({"type": "lifespan"}, receive, send)
    return sent


async def status(service: Service, path: str = "/status") -> tuple[int, bytes]:
    sent: list[Any] = []
    scope = {**SOCKET, "type": "http", "method": "GET", "path": path, "scheme": "http", "http_version": "1.1"}

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await service(scope, receive, send)
    return sent[0]["status"], sent[1]["body"]


def test_a_conversation_that_comes_early_is_accepted_at_once_and_held_when_all_is_loaded():
    async def main() -> None:
        service = service_of(Agent(load_s=20, talk_s=3))
        await service.start()
        client = Client(service)
        await asyncio.sleep(1)
        assert client.story == [(0, "websocket.accept", None)]
        assert await status(service, "/readyz") == (503, b"loading")
        await client.task
        assert client.story == [(0, "websocket.accept", None), (23, "websocket.close", 1000)]
        assert await status(service, "/readyz") == (200, b"ready")

    run(main())


def test_one_that_has_waited_too_long_is_told_to_try_again():
    async def main() -> None:
        service = service_of(Agent(load_s=1000))
        await service.start()
        client = Client(service)
        await client.task
        kinds = [(when, kind, code) for when, kind, code in client.story]
        assert kinds[0] == (0, "websocket.accept", None)
        assert kinds[-1] == (EARLY_WAIT_S, "websocket.close", 1013)
        assert any(message.get("bytes", b"")[:1] == b"\x03" for _, message in client.sent)
        await service.stop()

    run(main())


def test_a_failure_to_load_is_told_by_status_and_the_server_goes_on():
    async def main() -> None:
        service = service_of(Agent(load_s=1, error=EngineError("no weights", fix="pip install weights")))
        assert await lifespan(service, "startup", "shutdown") == [
            {"type": "lifespan.startup.complete"},
            {"type": "lifespan.shutdown.complete"},
        ]
        service = service_of(Agent(load_s=1, error=EngineError("no weights", fix="pip install weights")))
        await service.start()
        await asyncio.sleep(2)
        code, body = await status(service)
        assert code == 200
        assert b"no weights" in body

    run(main())


def test_who_must_not_take_calls_early_says_that_it_failed():
    async def main() -> None:
        service = service_of(Agent(load_s=1, error=EngineError("no weights")), wait_until_ready=True)
        assert await lifespan(service, "startup") == [{"type": "lifespan.startup.failed", "message": "no weights"}]
        service = service_of(Agent(load_s=5), wait_until_ready=True)
        await service.start()
        assert asyncio.get_running_loop().time() == 6

    run(main())


@pytest.mark.parametrize(("talk_s", "stopped_s", "ended"), [(10, 10, 1), (1000, DRAIN_S, 0)])
def test_shutdown_waits_for_conversations_within_bounds(talk_s, stopped_s, ended):
    async def main() -> None:
        agent = Agent(talk_s=talk_s)
        service = service_of(agent)
        await service.start()
        await asyncio.sleep(0)
        client = Client(service)
        await asyncio.sleep(0.01)
        stopping = asyncio.create_task(service.stop())
        await asyncio.sleep(1)
        assert await status(service, "/readyz") == (503, b"loading")
        refused = Client(service)
        await refused.task
        assert refused.story[-1][1:] == ("websocket.close", 1013)
        await stopping
        assert asyncio.get_running_loop().time() == pytest.approx(stopped_s, abs=0.1)
        assert (agent.closed, agent.ended) == (True, ended)
        await asyncio.wait([client.task])

    run(main())


def test_loaded_is_called_once_with_the_agent():
    async def main() -> None:
        told: list[Any] = []
        agent = Agent(load_s=1)
        service = service_of(agent, loaded=told.append)
        await service.start(wait=True)
        await service.start(wait=True)
        assert told == [agent]
        await service.stop()
        await service.stop()

    run(main())


def test_without_an_agent_it_says_which_variable_is_missing(monkeypatch):
    monkeypatch.delenv("VIVAVOCE_AGENT", raising=False)
    with pytest.raises(EngineUnavailableError, match="VIVAVOCE_AGENT"):
        application()
