"""A conversation's WebSocket to Rime, kept warm: opened ahead of the first word, and again whenever it is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from vivavoce_api import EngineError
from vivavoce_rime.failures import Account
from vivavoce_rime.heard import Heard
from vivavoce_rime.options import RimeOptions
from vivavoce_rime.socket import Socket, SocketProtocol

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.2, 30.0
STABLE_S = 10.0
"""A connection that lived so long was lost for reasons of its own: the next one is opened without a growing pause."""


class Line:
    """Speaks clauses over one connection at a time. Implements `ClauseVoice`."""

    def __init__(self, protocol: SocketProtocol, account: Account, options: RimeOptions) -> None:
        self._protocol = protocol
        self._account = account
        self._options = options
        self._socket: Socket | None = None
        self._opening = asyncio.Lock()
        self._speaking = asyncio.Lock()
        self._keeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Open the connection in the background, and keep it open."""
        self._keeper = asyncio.create_task(self._keep())

    async def speak(self, clause: str) -> AsyncGenerator[Heard, None]:
        """Speak a clause; the connection is opened first where it was lost. One clause at a time: others wait.

        Raises `EngineError`. Closing it early tells the server to stop and leaves the connection open.
        """
        options = self._options
        async with self._speaking:
            socket = await self._open()
            spoken = socket.speak(clause, options.first_chunk_timeout_s, options.chunk_timeout_s)
            try:
                async for heard in spoken:
                    yield heard
            finally:
                await spoken.aclose()

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.wait([self._keeper])
        if self._socket is not None:
            await self._socket.close()

    async def _open(self) -> Socket:
        async with self._opening:
            if self._socket is None or not self._socket.usable:
                self._socket = await Socket.open(self._protocol, self._account, self._options.connect_timeout_s)
            return self._socket

    async def _keep(self) -> None:
        """Ends where connecting is of no use, as with a wrong key: the next clause tries, and tells."""
        loop, pause_s = asyncio.get_running_loop(), FIRST_PAUSE_S
        while True:
            began_s = loop.time()
            try:
                await (await self._open()).lost()
            except EngineError as error:
                if not error.retryable:
                    return
            if loop.time() - began_s > STABLE_S:
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
