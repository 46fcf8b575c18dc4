"""The host's side of one call of a worker's session."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from vivavoce.isolation.patience import Patience
from vivavoce_api import EngineTimeoutError, VivavoceError
from vivavoce_api.worker.failures import decode_failure
from vivavoce_api.worker.flow import Inlet, Outlet
from vivavoce_api.worker.records import Record, Type
from vivavoce_api.worker.values import decode_value


class Line(Protocol):
    """The connection, as a call sees it."""

    title: str
    patience: Patience

    def send(self, record: Record) -> None:
        """Send a record; does nothing once the connection is lost."""
        ...

    def break_off(self, reason: str) -> None:
        """Give the worker up."""
        ...


class Call:
    """A call that was begun: `inlet` has its results, `outlet` takes what is streamed in.

    It is over when the worker says so, or is gone; then `on_over` is called, once.
    """

    def __init__(self, number: int, line: Line) -> None:
        self._number = number
        self._line = line
        self._timers: list[asyncio.TimerHandle] = []
        self._answered_s = 0.0
        self._cancelled = False
        self._over = False
        self.inlet = Inlet(number, line.send)
        self.outlet = Outlet(number, line.send)
        self.on_over: Callable[[], None] | None = None

    def receive(self, record: Record) -> None:
        """A record of this call came. Raises `ProtocolError`."""
        if record.type is Type.ITEM:
            self._answered_s = asyncio.get_running_loop().time()
            value = decode_value(record.values, record.sound)
            if not self._cancelled:
                self.inlet.add(value)
        elif record.type is Type.CREDIT:
            self.outlet.grant(record.values.get("items"))
        else:
            self.end(decode_failure(record.values) if record.type is Type.ERROR else None)

    def end(self, error: VivavoceError | None = None) -> None:
        """It is over; the reader gets `error` after the results that came before. Idempotent."""
        if self._over:
            return
        self._over = True
        for timer in self._timers:
            timer.cancel()
        self.inlet.end(error)
        if self.on_over is not None:
            self.on_over()

    def cancel(self) -> None:
        """Nobody reads any more: have the worker stop. It is over when the worker has. Idempotent."""
        if self._over or self._cancelled:
            return
        self._cancelled = True
        self._line.send(Record(Type.CANCEL, self._number))
        self._after(self._line.patience.cancel_s, self._give_up)

    def expect_answer(self) -> None:
        """The worker now has all its input: from now on it must not be silent for long."""
        if not self._over:
            self._after(self._line.patience.answer_s, self._check_answer)

    def _after(self, delay_s: float, action: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(delay_s, action))

    def _check_answer(self) -> None:
        """Time is only counted while the reader waits: a slow reader is not the worker's fault."""
        self._timers.clear()
        limit_s, since_s = self._line.patience.answer_s, self.inlet.awaited_since_s
        if self._cancelled:
            return
        now_s = asyncio.get_running_loop().time()
        left_s = limit_s if since_s is None else max(since_s, self._answered_s) + limit_s - now_s
        if left_s > 0:
            self._after(left_s, self._check_answer)
            return
        self.inlet.fail(EngineTimeoutError(f"{self._line.title} gave no answer for {limit_s:g} s"))
        self.cancel()

    def _give_up(self) -> None:
        self._line.break_off(f"did not stop within {self._line.patience.cancel_s:g} s when it was told to")
