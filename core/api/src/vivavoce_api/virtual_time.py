"""An event loop on which sleeping takes no time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock starts at 0 and jumps to the next timer when nothing else can run.

    Real work is waited for where the loop can know of it:
    - while a call of `run_in_executor` (or `asyncio.to_thread`) is in flight, timers take their real time, or, with
      `work_takes_time` false, wait until it is done: the clock stands still, and the work's pace changes nothing;
    - a socket or pipe that is ready is served before the clock jumps, so both ends of a connection within
      this process work; but bytes that another process has yet to send are not waited for when a timer is
      due: put no time-out around them.
    """

    def __init__(self, *, work_takes_time: bool = True) -> None:
        self._now_s = 0.0
        self._in_executor = 0
        self._work_takes_time = work_takes_time
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now_s

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """As usual; while it is in flight, the clock does not jump."""
        future = super().run_in_executor(executor, func, *args)
        self._in_executor += 1
        future.add_done_callback(self._left_executor)
        return future

    def _left_executor(self, _: asyncio.Future[Any]) -> None:
        self._in_executor -= 1

    def _pass_time(self, timeout_s: float, events: Callable[[float | None], list[Any]]) -> list[Any]:
        """Let at most `timeout_s` go by: for real while threads are busy, else at once."""
        ready = events(0)
        if ready:
            return ready
        if self._in_executor and not self._work_takes_time:
            return events(None)
        if self._in_executor:
            began_s = super().time()
            ready = events(timeout_s)
            self._now_s += min(timeout_s, super().time() - began_s) if ready else timeout_s
            return ready
        self._now_s += timeout_s
        return ready


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualTimeLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        real = super().select
        if not timeout or timeout < 0:
            return real(timeout)
        return self._loop._pass_time(timeout, real)


def virtual_time_loop() -> VirtualTimeLoop:
    """A new `VirtualTimeLoop`, for `asyncio.Runner(loop_factory=virtual_time_loop)`."""
    return VirtualTimeLoop()
