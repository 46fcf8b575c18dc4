"""Sleeping that the end of a session interrupts."""

from __future__ import annotations

import asyncio

from vivavoce_api import EngineError


class Closing:
    """Whether a session was closed."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()

    def close(self) -> None:
        """From now on, sleepers and those about to sleep get an `EngineError`."""
        self._closed.set()

    def check(self) -> None:
        """Raise `EngineError` if the session was closed."""
        if self._closed.is_set():
            raise EngineError("the session was closed")

    async def sleep_until(self, when_s: float) -> None:
        """Sleep until the loop's clock says `when_s`; at once when that is past."""
        self.check()
        if when_s <= asyncio.get_running_loop().time():
            return
        try:
            async with asyncio.timeout_at(when_s):
                await self._closed.wait()
        except TimeoutError:
            return
        self.check()
