"""A stream that is kept while it is read, so that another reader can have it from the start."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from types import TracebackType
from typing import Generic, TypeVar

T = TypeVar("T")


class Recording(Generic[T]):
    """Reads `source` in a task of its own while it is entered, and gives it to one reader at a time.

    It keeps items up to `limit`, in the unit of `weigh`. Beyond that it forgets what was read and is not `whole` any
    more, or waits where nothing was read. `on_item` is called for each item as it comes, and with None at the end.
    """

    def __init__(
        self,
        source: AsyncIterator[T],
        *,
        limit: float,
        weigh: Callable[[T], float],
        on_item: Callable[[T | None], None],
    ) -> None:
        self._source = source
        self._limit = limit
        self._weigh = weigh
        self._on_item = on_item
        self._items: deque[T] = deque()
        self._weight = 0.0
        self._forgotten = 0
        self._read = 0
        self._changed = asyncio.Event()
        self.has_ended = False
        self.error: Exception | None = None

    @property
    def whole(self) -> bool:
        """Whether `replay` can give it from the start."""
        return not self._forgotten

    async def __aenter__(self) -> Recording[T]:
        self._task = asyncio.create_task(self._fill())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def replay(self) -> AsyncIterator[T]:
        """All items from the first, then those that are still to come. What the source raises comes through."""
        self._read = 0
        while True:
            while self._read < self._forgotten + len(self._items):
                item = self._items[self._read - self._forgotten]
                self._read += 1
                self._changed.set()
                yield item
            if self.has_ended:
                break
            await self._change()
        if self.error is not None:
            raise self.error

    async def _fill(self) -> None:
        try:
            async for item in self._source:
                await self._make_room(self._weigh(item))
                self._items.append(item)
                self._on_item(item)
                self._changed.set()
        except Exception as error:  # noqa: BLE001 - whatever the source raises is its reader's
            self.error = error
        self.has_ended = True
        self._on_item(None)
        self._changed.set()

    async def _make_room(self, weight: float) -> None:
        self._weight += weight
        while self._weight > self._limit and self._items:
            if self._read == self._forgotten:
                await self._change()
                continue
            self._weight -= self._weigh(self._items.popleft())
            self._forgotten += 1

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
