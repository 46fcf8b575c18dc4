"""One use of a service: what is sent to it, and what comes back through a bounded inbox. Imports Pipecat at its top."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from pipecat.frames.frames import ErrorFrame, Frame
from pipecat.services.ai_service import AIService

from vivavoce_api import EngineError, EngineTimeoutError

INBOX_ITEMS = 64


class Queue(Protocol):
    """Sends frames into a pipeline, in order."""

    async def __call__(self, *frames: Frame) -> None: ...


class Call:
    """One use of a service, from its first frame to its last: what comes back, in order, through a bounded inbox."""

    def __init__(
        self, service: AIService, queue: Queue, describe: Callable[[ErrorFrame], EngineError], timeout_s: float
    ) -> None:
        self.service = service
        self._queue = queue
        self._describe = describe
        self._timeout_s = timeout_s
        self._inbox: asyncio.Queue[object] = asyncio.Queue(INBOX_ITEMS)
        self._open = True
        self._expecting = True
        self._limit: asyncio.Timeout | None = None
        self.finished = False
        """Set by the caller when the service has nothing more to say; else leaving the call interrupts it."""

    async def send(self, *frames: Frame) -> None:
        """Send frames into the service, in order."""
        await self._queue(*frames)

    async def put(self, item: object) -> None:
        """Add to what `next` gives; waits while the inbox is full. Dropped once the call is over."""
        if self._open:
            await self._inbox.put(item)

    def expect_nothing_yet(self) -> None:
        """The service may stay silent as long as it likes, until `expect`."""
        self._expecting = False

    def expect(self) -> None:
        """From now on the service must not be silent for longer than the YAML's `timeout_s`."""
        self._expecting = True
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time() + self._timeout_s)

    async def next(self, until_s: float | None = None) -> object | None:
        """The next frame or notice, or None when the loop's clock reaches `until_s`.

        An exception among them is raised, so is an error of the service. Raises `EngineTimeoutError` when
        something is expected and does not come.
        """
        loop = asyncio.get_running_loop()
        limits = [loop.time() + self._timeout_s] if self._expecting else []
        limits += [] if until_s is None else [until_s]
        try:
            async with asyncio.timeout_at(min(limits, default=None)) as self._limit:
                item = await self._inbox.get()
        except TimeoutError:
            if until_s is not None and loop.time() >= until_s:
                return None
            raise EngineTimeoutError(f"{type(self.service).__name__} was silent for {self._timeout_s:g} s") from None
        finally:
            self._limit = None
        if isinstance(item, ErrorFrame):
            raise self._describe(item)
        if isinstance(item, Exception):
            raise item
        return item

    def end(self) -> None:
        """Take no more, and let go whoever waits to put something."""
        self._open = False
        while not self._inbox.empty():
            self._inbox.get_nowait()

    def fail(self, error: Exception) -> None:
        """Make `next` raise `error`, before anything else that waits."""
        self.end()
        self._inbox.put_nowait(error)
