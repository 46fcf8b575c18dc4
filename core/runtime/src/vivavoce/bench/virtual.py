"""An agent in the benchmark's own process, on a clock that stands still while the machine works.

What is left are the stated times of simulated engines and the time that the runtime waits: no machine's speed or load
changes a figure. Client and server are those of every benchmark, Opus and the
messages of the wire included; only the socket between them is a queue.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Close

from vivavoce.bench.adapting import adapted
from vivavoce.bench.line import PACKET_MS
from vivavoce.bench.rehearsal import JUDGE
from vivavoce.bench.table import SIMULATED
from vivavoce.wire.client import Container, VoiceClient
from vivavoce_api import ConfigurationError
from vivavoce_api.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message

    from vivavoce.agent import Agent
    from vivavoce.definition import AgentDefinition

QUEUE_MESSAGES = 64
NORMAL = 1000

T = TypeVar("T")


def run_virtually(main: Coroutine[Any, Any, T]) -> T:
    """As `asyncio.run`, on virtual time: sleeping takes none of ours, and work in threads none of the clock's."""
    with asyncio.Runner(loop_factory=partial(VirtualTimeLoop, work_takes_time=False)) as runner:
        return runner.run(main)


def check_virtual(definition: AgentDefinition) -> None:
    """Raise `ConfigurationError` for an agent with an engine whose time is not stated, or which is elsewhere."""
    from vivavoce.engines import one_by_one

    stated = {"stt": SIMULATED, "llm": SIMULATED, "tts": SIMULATED, "completeness": JUDGE}
    for section, choice in one_by_one(definition).items():
        simulated = stated.get(section.partition("[")[0])
        if simulated is not None and choice.offer.name != simulated:
            raise ConfigurationError(
                f"{section}: how long '{choice.offer.name}' takes is not known on virtual time, only stated times are",
                fix=f"{section}: {{plugin: {simulated}}}, or leave out --virtual-time",
            )
        if choice.isolation != "none":
            raise ConfigurationError(
                f"{section}: on virtual time no engine can run in another process", fix=f"{section}: isolation: none"
            )


@asynccontextmanager
async def served_here(
    definition: AgentDefinition, *, script: Path | None = None, style: str | None = None
) -> AsyncIterator[MemoryLine]:
    """Serve an agent on the running loop; its engines are closed with the context.

    `script` and `style` as `served` has them, but a simulated judge's answers have to be in the script. Raises
    `VivavoceError`.
    """
    from vivavoce.agent import Agent
    from vivavoce.server.app import create_app

    agent = Agent(adapted(definition, str(script) if script else None, None, style))
    await agent.load()
    try:
        yield MemoryLine(create_app(agent), agent)
    finally:
        await agent.close()


@dataclass(frozen=True)
class MemoryLine:
    """To an agent that the application `app` serves in this process."""

    app: ASGIApp
    agent: Agent

    @asynccontextmanager
    async def open(self, script_from: int) -> AsyncIterator[VoiceClient]:
        """As `Line.open`; at the end the client hangs up, and the server's end of the conversation is waited for."""
        socket = MemorySocket()
        query = f"script_from={script_from}&events=1".encode()
        scope = {"type": "websocket", "path": "/ws", "query_string": query, "headers": [], "subprotocols": []}
        serving = asyncio.ensure_future(self.app(scope, socket.receive, socket.answer))
        try:
            yield VoiceClient(socket, Container.RAW, PACKET_MS, 1)
        finally:
            socket.hang_up()
            await serving

    async def status(self) -> Mapping[str, object] | None:
        """As `Line.status`."""
        return self.agent.status()


class MemorySocket:
    """A WebSocket without a network: `send`, `recv` and `hang_up` at the client's end, an ASGI server at the other."""

    def __init__(self) -> None:
        self.close_code: int | None = None
        self._to_server: asyncio.Queue[Message] = asyncio.Queue(QUEUE_MESSAGES)
        self._to_server.put_nowait({"type": "websocket.connect"})
        self._to_client: asyncio.Queue[bytes | str | None] = asyncio.Queue(QUEUE_MESSAGES)

    async def send(self, message: bytes | str) -> None:
        """Raises `ConnectionClosed` once either side has closed."""
        self._check_open()
        key = "bytes" if isinstance(message, bytes) else "text"
        await self._to_server.put({"type": "websocket.receive", key: message})

    async def recv(self) -> bytes | str:
        """Raises `ConnectionClosed` after the last message."""
        if self.close_code is not None and self._to_client.empty():
            raise self._closed()
        if (message := await self._to_client.get()) is None:
            raise self._closed()
        return message

    def hang_up(self) -> None:
        """The client leaves: what it said and nobody read is lost."""
        self.close_code = NORMAL if self.close_code is None else self.close_code
        _empty(self._to_server)
        self._to_server.put_nowait({"type": "websocket.disconnect", "code": NORMAL})
        _empty(self._to_client)
        self._to_client.put_nowait(None)

    async def receive(self) -> Message:
        """The application's `receive`."""
        return await self._to_server.get()

    async def answer(self, event: Message) -> None:
        """The application's `send`. Raises `OSError` once the client has left, as ASGI servers do."""
        if event["type"] == "websocket.send":
            if self.close_code is not None:
                raise OSError("the client has left")
            data = event.get("bytes")
            await self._to_client.put(data if data is not None else event["text"])
        elif event["type"] == "websocket.close":
            self.close_code = event.get("code", NORMAL)
            _empty(self._to_server)  # a client that waits for room goes on, and learns of it
            await self._to_client.put(None)

    def _check_open(self) -> None:
        if self.close_code is not None:
            raise self._closed()

    def _closed(self) -> ConnectionClosedOK:
        return ConnectionClosedOK(Close(self.close_code or NORMAL, ""), None)


def _empty(queue: asyncio.Queue[Any]) -> None:
    while not queue.empty():
        queue.get_nowait()
