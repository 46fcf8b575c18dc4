"""Running the application on a port."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp
from uvicorn.loops.auto import auto_loop_factory

from vivavoce_api.errors import PrerequisiteError

MAX_MESSAGE_BYTES = 1 << 20
"""A larger WebSocket message closes the connection (code 1009). The largest Ogg page is a sixteenth of that."""

UNREAD_TIMEOUT_S = 20
"""The kernel drops a client that acknowledges nothing for so long, with all that is buffered for it (Linux)."""

SHUTDOWN_TIMEOUT_S = 5

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on the quickest event loop that is installed: uvloop's, which Windows lacks, or asyncio's own."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(main)


async def serve(
    app: FastAPI, host: str = "127.0.0.1", port: int = 8000, *, started: Callable[[str], None] | None = None
) -> None:
    """Serve `app` until a signal comes or the task is cancelled; sessions get a close frame. Prints nothing.

    `port` 0 takes any free one. `started` is called with the page's address once clients can connect. Raises
    `PrerequisiteError` when the address can't be used. As uvicorn does, a SIGINT is raised again at the end.
    """
    listener = await listen(host, port)
    server = uvicorn.Server(configuration(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        if started is not None:
            started(page_address(listener))
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket. Raises `PrerequisiteError` when the address is taken, unknown or not allowed."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise PrerequisiteError(
            f"{host} is no address of this machine: {error.strerror}", fix="--host 127.0.0.1"
        ) from None
    family, _, _, _, address = found[0]
    # asyncio switches Nagle's algorithm off only where the socket names its protocol, and accepted ones inherit it.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_TIMEOUT_S * 1000)
        listener.bind(address)
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise _address_error(error, host, port) from None
    listener.setblocking(False)
    return listener


def page_address(listener: socket.socket) -> str:
    """The page's address as a person on this machine opens it."""
    host, port = listener.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{port}/"


def _address_error(error: OSError, host: str, port: int) -> PrerequisiteError:
    if error.errno == errno.EADDRINUSE:
        return PrerequisiteError(f"port {port} on {host} is taken by another program", fix=f"--port {port + 1}")
    if error.errno == errno.EACCES:
        return PrerequisiteError(f"port {port} needs an administrator's rights", fix="--port 8000")
    return PrerequisiteError(f"can't listen on {host}, port {port}: {error.strerror}", fix="--host 127.0.0.1")


def configuration(app: ASGIApp) -> uvicorn.Config:
    """How uvicorn serves it.

    The newer of its two websockets implementations: it holds back reading and writing, message by message.
    """
    return uvicorn.Config(
        app,
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # Opus and PCM don't compress; the time it takes would be heard
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
