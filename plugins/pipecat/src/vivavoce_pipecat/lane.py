"""The thread in which one model's passes run, for all conversations."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from vivavoce_api import EngineUnavailableError

T = TypeVar("T")


class Lane:
    """One thread that runs one model's passes for all conversations, first come, first served.

    A conversation waits for its pass, so no more passes queue up than there are conversations.
    """

    def __init__(self, name: str) -> None:
        """Start the thread, which `close` ends."""
        self._name = name
        self._closed = False
        self._thread = _Thread(name)

    async def run(self, function: Callable[[], T]) -> T:
        """The result of `function`, run on the lane. Cancelling drops a pass that waits and abandons one that runs.

        Raises what `function` raises, and `EngineUnavailableError` after `close`.
        """
        if self._closed:
            raise EngineUnavailableError(f"{self._name} was closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    async def close(self) -> None:
        """End the thread, after the passes that were asked for. Idempotent."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown)


class _Thread(Executor):
    """An executor of one thread whose futures are the event loop's own, which `run_in_executor` hands on as they are.

    A pass of silero is so short that the way there and back costs as much. With `ThreadPoolExecutor`, which has a
    future of its own on its side, and locks around both, it costs twice as much: 90 us of CPU in place of 43 on an
    AMD EPYC.
    """

    def __init__(self, name: str) -> None:
        self._asked: queue.SimpleQueue[_Pass | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        """Run it after what was submitted before. Returns a future of the running event loop."""
        asked = _Pass(partial(function, *args, **kwargs), asyncio.get_running_loop().create_future())
        self._asked.put(asked)
        return asked.outcome

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the thread after what was submitted, of which nothing is cancelled. Idempotent."""
        self._asked.put(None)
        if wait:
            self._thread.join()

    def _serve(self) -> None:
        while (asked := self._asked.get()) is not None:
            asked.run()


@dataclass(frozen=True, slots=True)
class _Pass:
    function: Callable[[], Any]
    outcome: asyncio.Future[Any]

    def run(self) -> None:
        """Run it, unless nobody waits any more, and tell the event loop."""
        if self.outcome.cancelled():
            return
        try:
            result = self.function()
        except Exception as error:  # noqa: BLE001 - raised again where the pass is awaited
            self._tell(self.outcome.set_exception, error)
        else:
            self._tell(self.outcome.set_result, result)

    def _tell(self, setter: Callable[[Any], None], value: object) -> None:
        with suppress(RuntimeError):  # the loop was closed: nobody waits
            self.outcome.get_loop().call_soon_threadsafe(self._end, setter, value)

    def _end(self, setter: Callable[[Any], None], value: object) -> None:
        if not self.outcome.done():
            setter(value)
