"""Flow of a call's items between host and worker: each side sends only what the other has room for."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from vivavoce_api.worker.records import ProtocolError, Record, Type
from vivavoce_api.worker.values import encode_value

WINDOW = 16
"""Items of a call, in each direction, that may be under way: 1.3 s of sound in chunks of 80 ms."""

Send = Callable[[Record], None]


class Outlet:
    """Sends the items of one call, as many as the other side has room for."""

    def __init__(self, call: int, send: Send) -> None:
        self._call = call
        self._send = send
        self._credit = WINDOW
        self._more = asyncio.Event()

    async def put(self, value: object) -> None:
        """Send a value; waits for room. Raises `EngineError`, `TypeError` for one that can't be sent."""
        while self._credit == 0:
            self._more.clear()
            await self._more.wait()
        values, sound = encode_value(value)
        self._send(Record(Type.ITEM, self._call, values, sound))
        self._credit -= 1

    def end(self) -> None:
        """Tell that nothing more comes."""
        self._send(Record(Type.END, self._call))

    def grant(self, items: object) -> None:
        """The other side has room for that many more. Raises `ProtocolError`."""
        if not isinstance(items, int) or not 0 < items <= WINDOW - self._credit:
            raise ProtocolError(f"room for {items} more items of a call, where {WINDOW - self._credit} were under way")
        self._credit += items
        self._more.set()


class Inlet:
    """The items of one call that the other side sends, for one reader; an async iterator."""

    def __init__(self, call: int, send: Send) -> None:
        self._call = call
        self._send = send
        self._items: deque[Any] = deque()
        self._room = WINDOW
        self._taken = 0
        self._ended = False
        self._error: BaseException | None = None
        self._change = asyncio.Event()
        self.awaited_since_s: float | None = None
        """Since when, on the event loop's clock, the reader waits; None while it doesn't."""

    def add(self, value: Any) -> None:
        """A value came. Raises `ProtocolError` where there was no room for it."""
        if self._room == 0 or self._ended:
            raise ProtocolError("more items of a call than there was room for")
        self._room -= 1
        self._items.append(value)
        self._change.set()

    def end(self, error: BaseException | None = None) -> None:
        """Nothing more comes, and the reader, when it has read the rest, gets `error`, if any. The first end counts."""
        if not self._ended:
            self._ended, self._error = True, error
            self._change.set()

    def fail(self, error: BaseException) -> None:
        """The reader gets `error` next; what it has not read is dropped."""
        self._items.clear()
        self._ended, self._error = True, error
        self._change.set()

    def __aiter__(self) -> Inlet:
        return self

    async def __anext__(self) -> Any:
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._change.clear()
            self.awaited_since_s = asyncio.get_running_loop().time()
            try:
                await self._change.wait()
            finally:
                self.awaited_since_s = None
        self._grant()
        return self._items.popleft()

    def _grant(self) -> None:
        self._taken += 1
        if self._taken >= WINDOW // 4 and not self._ended:
            self._send(Record(Type.CREDIT, self._call, {"items": self._taken}))
            self._room += self._taken
            self._taken = 0
