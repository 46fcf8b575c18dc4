"""The container's end: the ASGI application that any server can run, `vivavoce.deployment.container:application`.

It loads its agent when the server starts, answers `/status` and `/readyz` meanwhile, and lets conversations end, for a
while, when the server stops.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vivavoce.agent import Agent
from vivavoce.builtin import WebSocketOptions
from vivavoce.definition import load_agent
from vivavoce.libraries import settle_libraries
from vivavoce.server.app import create_app
from vivavoce_api import Catalog, Connection, EngineUnavailableError, VivavoceError

AGENT_VARIABLE = "VIVAVOCE_AGENT"
"""The environment variable with the path of the agent's YAML."""

EARLY_WAIT_S = 60.0
"""How long a conversation that comes while the engines load waits before it is told to try again."""

DRAIN_S = 25.0
"""How long conversations may go on once the server stops; hosts end a container some 30 s after they ask for it."""

CANCEL_S = 2.0
"""How long those that are cut off may take to end before the engines are closed under them."""

logger = logging.getLogger(__name__)


class LoadingAgent:
    """An agent as the server sees it (`vivavoce.server.Agent`), which also tells when its engines failed to load."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.failure: str | None = None
        self.draining = False

    @property
    def ready(self) -> bool:
        """Whether conversations can begin."""
        return self.agent.ready and not self.draining

    def status(self) -> Mapping[str, Any]:
        """The agent's, and why it could not be loaded, if so."""
        status = self.agent.status() | {"ready": self.ready}
        return status if self.failure is None else status | {"failure": self.failure}

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        """As the agent's."""
        await self.agent.converse(connection, parameters)


class Service:
    """An ASGI application that owns its agent.

    Start-up begins loading; it waits for the end of it only if told to (`wait_until_ready`), and then fails if that
    fails. A WebSocket that comes early is accepted and waits for up to `early_wait_s`; then it is told to try again.
    Shutdown refuses new conversations, waits up to `drain_s` for those that go on, and closes the engines. `loaded` or
    `failed` is called once, when the engines are, or could not be.
    """

    def __init__(
        self,
        agent: Agent,
        *,
        wait_until_ready: bool = False,
        early_wait_s: float = EARLY_WAIT_S,
        drain_s: float = DRAIN_S,
        loaded: Callable[[Agent], None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        self._host = LoadingAgent(agent)
        self._wait_until_ready = wait_until_ready
        self._early_wait_s = early_wait_s
        self._drain_s = drain_s
        self._loaded = loaded
        self.failed = failed
        self._loading: asyncio.Task[None] | None = None
        self._failure: VivavoceError | None = None
        self._conversations: set[asyncio.Task[Any]] = set()
        options = agent.definition.transport.options
        origins = options.allowed_origins if isinstance(options, WebSocketOptions) else ()
        self._app: ASGIApp = create_app(self._host, allowed_origins=origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, or the server's whole life (`lifespan`)."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "websocket":
            await self._converse(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def start(self, *, wait: bool = False) -> None:
        """Begin to load; where told to wait, here or when made, wait for it, and raise `VivavoceError` if it fails.

        Idempotent.
        """
        if self._loading is None:
            self._loading = asyncio.create_task(self._load())
        if wait or self._wait_until_ready:
            await asyncio.shield(self._loading)
            if self._failure is not None:
                raise self._failure

    async def stop(self) -> None:
        """Refuse new conversations, wait for those that go on, within bounds, and close the engines. Idempotent."""
        self._host.draining = True
        if self._conversations:
            await asyncio.wait(self._conversations, timeout=self._drain_s)
        if self._conversations:
            for conversation in self._conversations:
                conversation.cancel()
            await asyncio.wait(self._conversations, timeout=CANCEL_S)
        if self._loading is not None:
            self._loading.cancel()
            await asyncio.wait([self._loading])
        await self._host.agent.close()

    async def _load(self) -> None:
        try:
            await self._host.agent.load()
        except VivavoceError as error:
            self._failure, self._host.failure = error, str(error)
            logger.critical("the agent could not be loaded: %s", error)
            if self.failed is not None:
                self.failed()
            return
        logger.info("%s is ready", self._host.agent.definition.name)
        if self._loaded is not None:
            self._loaded(self._host.agent)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message: Message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    await self.start()
                except VivavoceError as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.stop()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._loading is not None and not self._loading.done():
            receive, send = await _accepted(receive, send)
            await asyncio.wait([self._loading], timeout=self._early_wait_s)
        task = asyncio.current_task()
        assert task is not None
        self._conversations.add(task)
        try:
            await self._app(scope, receive, send)
        finally:
            self._conversations.discard(task)


async def _accepted(receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Accept a WebSocket, for clients give up a handshake that takes long; what is left for the application to do."""
    waiting = [await receive()]
    await send({"type": "websocket.accept"})

    async def receive_all() -> Message:
        return waiting.pop() if waiting else await receive()

    async def send_rest(message: Message) -> None:
        if message["type"] != "websocket.accept":
            await send(message)

    return receive_all, send_rest


def log_to_standard_error() -> None:
    """What vivavoce says, and warnings of everybody else, as a container's host collects them."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("vivavoce").setLevel(logging.INFO)


def application(
    *,
    wait_until_ready: bool = False,
    loaded: Callable[[Agent], None] | None = None,
    failed: Callable[[], None] | None = None,
) -> Service:
    """The application that serves the agent whose YAML `VIVAVOCE_AGENT` names; the other arguments are `Service`'s.

    Any ASGI server with lifespan support runs it: `uvicorn --factory vivavoce.deployment.container:application`. Raises
    `ConfigurationError` for what is wrong with the file.
    """
    settle_libraries()
    found = os.environ.get(AGENT_VARIABLE)
    if not found:
        raise EngineUnavailableError(f"{AGENT_VARIABLE} does not say which agent to serve", retryable=False)
    definition = load_agent(Path(found), Catalog.installed())
    return Service(Agent(definition), wait_until_ready=wait_until_ready, loaded=loaded, failed=failed)
