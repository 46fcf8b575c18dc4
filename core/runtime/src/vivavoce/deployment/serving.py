"""Serving in a plain container: `python -m vivavoce.deployment`."""

from __future__ import annotations

import asyncio
import logging
import os

import uvicorn

from vivavoce.deployment.container import Service
from vivavoce.server.serving import configuration, listen, run

logger = logging.getLogger(__name__)


def serve_to_the_end(service: Service, host: str, port: int) -> None:
    """`serve_and_drain` on an event loop of its own; blocks, and raises the same."""
    run(serve_and_drain(service, host, port))


async def serve_and_drain(service: Service, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; then refuse new conversations, let those that go on end, within bounds, and stop.

    Answers `/healthz`, `/status` and `/readyz` while the engines load. A second signal ends the process at once.
    Raises `PrerequisiteError` when the address can't be used, and `VivavoceError` when the engines can't be loaded:
    whoever runs the container then starts another.
    """
    loop, stopping = asyncio.get_running_loop(), asyncio.Event()
    listener = await listen(host, port)
    server = uvicorn.Server(configuration(service))

    def stop(number: int, _: object) -> None:
        if stopping.is_set():
            os._exit(128 + number)
        loop.call_soon_threadsafe(stopping.set)

    server.handle_exit = stop  # type: ignore[method-assign]  # uvicorn's own closes all conversations at once
    service.failed = stopping.set
    await service.start()
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    waiting = asyncio.create_task(stopping.wait())
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        logger.info("stopping when the conversations have ended")
        await service.stop()
    finally:
        waiting.cancel()
        server.should_exit = True
        await serving
        listener.close()
    await service.start(wait=True)  # tells why it failed, if it did
