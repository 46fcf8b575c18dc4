"""One WebSocket client as the session core sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from vivavoce.server.allowance import Allowance
from vivavoce.server.metrics import Metrics
from vivavoce.wire.protocol import ServerProtocol
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError
from vivavoce_api.transport import ErrorNotice, Incoming, Outgoing

QUEUE_ITEMS = 64
BURST_MS = 30_000
"""How much sound a client may send ahead of time (a reconnecting one catches up), before it is slowed down."""

COST_OF_AN_ITEM_MS = 20
"""What anything that isn't sound counts for, so that a flood of it is slowed down too."""

NOTICE_INTERVAL_S = 1.0
"""Bad messages are answered at most this often."""

SEND_TIMEOUT_S = 10.0
"""A client that takes nothing for so long is given up."""


class WebSocketConnection:
    """Implements `vivavoce_api.Connection` on an accepted WebSocket.

    `read` is the one reader and has to run beside the conversation; when the conversation doesn't keep up,
    the queue fills, then the socket, and the client has to wait. `gone` is set once the client can't be
    talked to any more.
    """

    def __init__(self, websocket: WebSocket, protocol: ServerProtocol, metrics: Metrics) -> None:
        self.gone = asyncio.Event()
        self.stalled = False
        self._websocket = websocket
        self._protocol = protocol
        self._metrics = metrics
        self._queue: asyncio.Queue[Incoming | None] = asyncio.Queue(QUEUE_ITEMS)
        self._sending = asyncio.Lock()
        self._allowance = Allowance(BURST_MS)
        self._next_notice_s = 0.0

    async def incoming(self) -> AsyncIterator[Incoming]:
        """What the client sends, in order; ends when it is gone."""
        while (item := await self._queue.get()) is not None:
            yield item

    async def send(self, item: Outgoing) -> None:
        """Send `item`; waits while the client's socket is full. Raises `ClientError` when the client is gone.

        Cancelling may leave the item half announced, never half sent.
        """
        async with self._sending:
            if self.gone.is_set():
                raise ClientError("the client is gone")
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    for message in self._protocol.send(item):
                        await self._send_message(message)
            except TimeoutError:
                self.stalled = True
                self.gone.set()
                raise ClientError(f"the client took nothing for {SEND_TIMEOUT_S:.0f} s") from None
            except (WebSocketDisconnect, RuntimeError):  # starlette: RuntimeError after a close
                self.gone.set()
                raise ClientError("the client is gone") from None
        self._metrics.sent(item)

    async def read(self) -> None:
        """Read until the client disconnects. Never raises; cancelling stops at once."""
        try:
            while (message := await self._receive()) is not None:
                await self._take(message)
            await self._queue.put(None)
        except ClientError:
            pass  # answering a bad message found the client gone
        self.gone.set()

    async def close(self, code: int, reason: str = "") -> None:
        """Close the WebSocket, if it still is open, without waiting for a client that doesn't read."""
        if self._websocket.application_state is not WebSocketState.CONNECTED:
            return
        try:
            async with asyncio.timeout(1):
                await self._websocket.close(code, reason)
        except (TimeoutError, WebSocketDisconnect, RuntimeError):
            pass  # it is gone, which is what was wanted

    async def _send_message(self, message: bytes | str) -> None:
        if isinstance(message, bytes):
            await self._websocket.send_bytes(message)
        else:
            await self._websocket.send_text(message)

    async def _receive(self) -> bytes | str | None:
        """The next message, None at the end."""
        event = await self._websocket.receive()
        if event["type"] == "websocket.disconnect":
            return None
        data = event.get("bytes")
        return data if data is not None else event.get("text") or ""

    async def _take(self, message: bytes | str) -> None:
        loop = asyncio.get_running_loop()
        for item in self._protocol.receive(message):
            if isinstance(item, ClientError):
                await self._answer(item)
                await asyncio.sleep(0)  # a message full of rubbish holds nobody else up; sound waits in the queue
            else:
                await self._queue.put(item)
            cost_ms = item.duration_ms if isinstance(item, AudioChunk) else COST_OF_AN_ITEM_MS
            if wait_s := self._allowance.spend(cost_ms, loop.time()):
                await asyncio.sleep(wait_s)

    async def _answer(self, error: ClientError) -> None:
        """Tell the client what was wrong, at most once a second."""
        self._metrics.bad_message()
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._next_notice_s:
            self._next_notice_s = now_s + NOTICE_INTERVAL_S
            await self.send(ErrorNotice(error.message))
