"""One conversation's session in worker processes, whatever its kind: opened where it is needed, called by name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from vivavoce.isolation.call import Call
from vivavoce.isolation.pool import Place, Pool
from vivavoce.isolation.worker import Worker
from vivavoce_api import EngineUnavailableError, SessionContext

CLOSING_S = 1.0
"""How long the end of a session waits for the worker to end it too."""


class RemoteSession:
    """One conversation's session in the workers. It is opened anew in a worker that has started again.

    With a `place` it stays there, else each call goes to whichever worker is free.
    """

    def __init__(self, pool: Pool, place: Place | None, context: SessionContext) -> None:
        self._pool = pool
        self._place = place
        self._context = context
        self._numbers: dict[Worker, int] = {}
        self._opening = asyncio.Lock()
        self._closed = False
        if place is not None:
            place.sessions += 1

    async def open(self) -> Sequence[str]:
        """Open it in a first worker; returns the optional methods that it has. Raises what the engine raises."""
        worker = await self._pool.acquire(self._place, stream=False)
        return await self._open_in(worker)

    async def call(self, method: str, argument: object = None) -> Any:
        """Call a method that gives one result, which is returned. Cancelling gives it up.

        When the worker dies, the next one is asked again, once: these methods judge, and change nothing.
        """
        worker = await self._pool.acquire(self._place, stream=False)
        try:
            return await self._call_in(worker, method, argument)
        except EngineUnavailableError:
            if not worker.link.lost.done():
                raise
        return await self._call_in(await self._pool.acquire(self._place, stream=False), method, argument)

    async def _call_in(self, worker: Worker, method: str, argument: object) -> Any:
        return await result_of(worker, {"session": await self._number_in(worker), "method": method}, argument)

    def tell(self, method: str) -> None:
        """Call a method without waiting, where the session is open; elsewhere it has nothing to forget."""
        for worker, number in self._numbers.items():
            with suppress(EngineUnavailableError):
                worker.link.begin({"session": number, "method": method})

    async def stream(
        self, method: str, argument: object = None, source: AsyncIterator[Any] | None = None
    ) -> AsyncIterator[Any]:
        """Call a method that streams, with `source` as the stream that goes in; what `source` raises comes through.

        Closing it stops the worker's call; it does not wait until the worker has.
        """
        call = await self._begin(method, argument)
        feeding = None if source is None else asyncio.create_task(_feed(source, call))
        if feeding is None:
            call.expect_answer()
        try:
            async for item in call.inlet:
                yield item
        finally:
            call.cancel()
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait({feeding})

    async def _begin(self, method: str, argument: object) -> Call:
        worker = await self._pool.acquire(self._place, stream=True)
        try:
            number = await self._number_in(worker)
            call = worker.link.begin({"session": number, "method": method}, argument)
        except BaseException:
            self._pool.release(worker)
            raise
        call.on_over = lambda: self._pool.release(worker)
        return call

    async def _number_in(self, worker: Worker) -> int:
        async with self._opening:
            if self._closed:
                raise EngineUnavailableError("the session was closed", retryable=False)
            if worker not in self._numbers:
                await self._open_in(worker)
            return self._numbers[worker]

    async def _open_in(self, worker: Worker) -> Sequence[str]:
        number = worker.next_session()
        said = await result_of(worker, {"session": number, "method": "open"}, self._context)
        self._numbers = {w: n for w, n in self._numbers.items() if not w.link.lost.done()} | {worker: number}
        return said["methods"]

    async def close(self) -> None:
        """End it in all workers, and what runs there. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._place is not None:
            self._place.sessions -= 1
        ends = [result_of(w, {"session": number, "method": "close"}) for w, number in self._numbers.items()]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await asyncio.gather(*ends, return_exceptions=True)


async def result_of(worker: Worker, values: Mapping[str, Any], argument: object = None) -> Any:
    """The one result of a call (None where it gives none). Cancelling gives it up. Raises what the engine raises."""
    call = worker.link.begin(values, argument)
    call.expect_answer()
    result = None
    try:
        async for item in call.inlet:
            result = item
    finally:
        call.cancel()
    return result


async def _feed(source: AsyncIterator[Any], call: Call) -> None:
    try:
        async for item in source:
            await call.outlet.put(item)
    except Exception as error:  # noqa: BLE001 - passed on to the reader of the call
        call.inlet.fail(error)
        call.cancel()
    else:
        call.outlet.end()
        call.expect_answer()
