"""The runtime's own offers: what every agent can use without installing a plugin."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import Field

from vivavoce_api import Kind, Offer, Options, Progress, hookimpl

Origin = Annotated[str, Field(min_length=1, max_length=300)]


class WebSocketOptions(Options):
    """Options of `transport: {plugin: websocket}`."""

    max_lead_ms: int = Field(default=200, ge=20, le=10_000)
    """How far ahead of real time, in milliseconds, audio is sent; what is sent can't be taken back by a barge-in."""

    allowed_origins: list[Origin] = Field(default=[], max_length=100)
    """Web pages, such as `https://example.org`, that may connect besides the agent's own; `*` lets all in."""


def _nothing(options: Any, progress: Progress) -> None:
    """The web server is the runtime's own (`vivavoce.server`); it reads the options and there is nothing to load."""


@hookimpl
def vivavoce_transport() -> Iterable[Offer]:
    """The WebSocket that `vivavoce run` serves."""
    return [
        Offer(
            kind=Kind.TRANSPORT,
            name="websocket",
            summary="Opus in, PCM out over one WebSocket, with a page to talk from the browser",
            options=WebSocketOptions,
            load=_nothing,
        )
    ]
