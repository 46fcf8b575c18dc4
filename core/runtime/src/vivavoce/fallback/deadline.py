"""A limit on how long an engine may take, which may begin to count while one waits already."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from vivavoce_api import EngineTimeoutError

T = TypeVar("T")


class Deadline:
    """Counts between `start` and `stop`; None for `limit_s`: never passes."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._due_at: float | None = None
        self._scope: asyncio.Timeout | None = None

    def start(self) -> None:
        """Begin to count, unless it counts already."""
        if self._limit_s is not None and self._due_at is None:
            self._set(asyncio.get_running_loop().time() + self._limit_s)

    def stop(self) -> None:
        """Cease to count: what was waited for is there."""
        self._set(None)

    def _set(self, due_at: float | None) -> None:
        self._due_at = due_at
        if self._scope is not None and not self._scope.expired():
            self._scope.reschedule(due_at)

    async def wait_for(self, work: Awaitable[T]) -> T:
        """The result of `work`, which is cancelled with an `EngineTimeoutError` when the deadline passes."""
        scope = self._scope = asyncio.timeout_at(self._due_at)
        try:
            async with scope:
                return await work
        except TimeoutError:
            if scope.expired() and self._limit_s is not None:
                raise EngineTimeoutError(f"no answer within {self._limit_s * 1000:.0f} ms") from None
            raise
        finally:
            self._scope = None
