"""The web application: `/ws` for conversations, `/status` and the machines' endpoints, the page at `/`."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from importlib.resources import files
from typing import Any, Protocol

from fastapi import FastAPI
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.websockets import WebSocket

from vivavoce.audio.libopus import load_opuslib
from vivavoce.server.metrics import CONTENT_TYPE, Metrics
from vivavoce.server.origins import origin_is_allowed
from vivavoce.server.session import hold_session
from vivavoce_api.transport import Connection

PAGE_FILES = {
    "index.html": "text/html; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "app.js": "text/javascript; charset=utf-8",
    "conversation.js": "text/javascript; charset=utf-8",
    "log.js": "text/javascript; charset=utf-8",
    "microphone.js": "text/javascript; charset=utf-8",
    "player.js": "text/javascript; charset=utf-8",
    "worklets.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Permissions-Policy": "microphone=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Agent(Protocol):
    """What the server needs of an agent: an `AgentHost` that knows its own state."""

    @property
    def ready(self) -> bool:
        """Whether conversations can begin: everything is loaded and warm."""
        ...

    def status(self) -> Mapping[str, Any]:
        """What is loaded and how it does, as JSON-serialisable values without secrets. Quick."""
        ...

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        """As `vivavoce_api.AgentHost.converse`."""
        ...


def create_app(agent: Agent, *, metrics: Metrics | None = None, allowed_origins: Collection[str] = ()) -> FastAPI:
    """The application that serves `agent`.

    `allowed_origins`: web pages other than the server's own that may talk to it (`vivavoce.server.origins`).
    Raises `PrerequisiteError` when libopus is missing: no client could be heard.
    """
    load_opuslib()
    counted = metrics or Metrics()
    counted.show_status(agent.status)
    app = FastAPI(title="vivavoce", docs_url=None, redoc_url=None, openapi_url=None)

    @app.websocket("/ws")
    async def converse(websocket: WebSocket) -> None:
        headers = websocket.headers
        if origin_is_allowed(headers.get("origin"), headers.get("host"), allowed_origins):
            await hold_session(websocket, agent, counted, ready=agent.ready)
        else:
            await websocket.close()  # before the handshake: 403

    _add_machine_endpoints(app, agent, counted)
    _add_page(app)
    return app


def _add_machine_endpoints(app: FastAPI, agent: Agent, metrics: Metrics) -> None:
    @app.get("/status")
    async def status() -> Response:
        return JSONResponse(dict(agent.status()))

    @app.get("/healthz")
    async def healthz() -> Response:
        return PlainTextResponse("ok")

    @app.get("/readyz")
    async def readyz() -> Response:
        return PlainTextResponse("ready") if agent.ready else PlainTextResponse("loading", status_code=503)

    @app.get("/metrics")
    async def exposition() -> Response:
        return Response(metrics.exposition(), media_type=CONTENT_TYPE)


def _add_page(app: FastAPI) -> None:
    folder = files("vivavoce.server") / "page"
    contents = {name: (folder / name).read_bytes() for name in PAGE_FILES}

    def page_file(name: str) -> Response:
        return Response(contents[name], media_type=PAGE_FILES[name], headers=PAGE_HEADERS)

    @app.get("/")
    async def index() -> Response:
        return page_file("index.html")

    @app.get("/page/{name}")
    async def asset(name: str) -> Response:
        return page_file(name) if name in contents else PlainTextResponse("not found", status_code=404)
