"""Lines to the server under test: how a call is opened, and where its state is read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from vivavoce.wire.client import VoiceClient, open_client

PACKET_MS = 20
STATUS_TIMEOUT_S = 5.0


class Line(Protocol):
    """A server that calls can be made to."""

    def open(self, script_from: int) -> AbstractAsyncContextManager[VoiceClient]:
        """A new connection. A simulated speech-to-text at its other end begins at this entry of its script.

        Entering it raises `EngineUnavailableError` when the server can't be reached.
        """
        ...

    async def status(self) -> Mapping[str, object] | None:
        """What the server's `/status` says; None where it has none that can be read."""
        ...


@dataclass(frozen=True, slots=True)
class WebLine:
    """To a server at `url` (`ws://host:port/ws`), which may know no more than the three messages."""

    url: str

    def open(self, script_from: int) -> AbstractAsyncContextManager[VoiceClient]:
        """As `Line.open`: over a WebSocket."""
        address = f"{self.url}{'&' if '?' in self.url else '?'}script_from={script_from}"
        return open_client(address, packet_ms=PACKET_MS)

    async def status(self) -> Mapping[str, object] | None:
        """As `Line.status`: over HTTP, within 5 s."""
        return await asyncio.to_thread(self._status)

    def _status(self) -> Mapping[str, object] | None:
        parts = urlsplit(self.url)
        scheme = "https" if parts.scheme == "wss" else "http"
        try:
            with urlopen(f"{scheme}://{parts.netloc}/status", timeout=STATUS_TIMEOUT_S) as answer:
                status = json.loads(answer.read(1 << 20))
        except (URLError, OSError, ValueError):
            return None
        return status if isinstance(status, dict) else None
