"""The workers of one engine: each is started again when it dies, and calls get one that is free."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from vivavoce.isolation.patience import Patience
from vivavoce.isolation.worker import Worker
from vivavoce_api import EngineBusyError, EngineUnavailableError, VivavoceError

logger = logging.getLogger(__name__)

Start = Callable[[], Awaitable[Worker]]


class Place:
    """Where one worker runs, and after its death another one."""

    def __init__(self, title: str, start: Start, patience: Patience) -> None:
        self._title = title
        self._start = start
        self._patience = patience
        self._keeping: asyncio.Task[None] | None = None
        self._current: Worker | None = None
        self.problem: VivavoceError | None = None
        """Why the last attempt to start a worker again failed; None while there was none."""
        self.sessions = 0
        self.changed: Callable[[], None] = lambda: None

    @property
    def worker(self) -> Worker | None:
        """The worker that lives; None while there is none."""
        worker = self._current
        return None if worker is None or worker.link.lost.done() else worker

    async def start(self, start: Start | None = None) -> None:
        """Start the first worker, by `start` where that differs from the later ones. Raises `VivavoceError`."""
        self._current = await (start or self._start)()
        self._keeping = asyncio.create_task(self._keep(self._current))

    async def close(self) -> None:
        """End the worker; none is started again. Idempotent."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.wait({self._keeping})
        if self._current is not None:
            await self._current.end()

    async def _keep(self, worker: Worker) -> None:
        loop = asyncio.get_running_loop()
        pause_s = self._patience.first_pause_s
        while True:
            began_s = loop.time()
            error = await asyncio.shield(worker.link.lost)
            self.changed()
            if loop.time() - began_s >= self._patience.steady_s:
                pause_s = self._patience.first_pause_s
            how = await worker.end()
            logger.warning("%s (%s); it starts again in %.1f s", error.message, how, pause_s)
            worker, pause_s = await self._start_again(pause_s)

    async def _start_again(self, pause_s: float) -> tuple[Worker, float]:
        """Try until there is a new worker; returns it and the pause before the next one after it."""
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._patience.longest_pause_s)
            try:
                worker = await self._start()
            except VivavoceError as error:
                self.problem = error
                self.changed()
                logger.warning("%s; the next attempt is in %.1f s", error.message, pause_s)
                continue
            self._current, self.problem = worker, None
            self.changed()
            logger.warning("%s runs again in a new worker process", self._title)
            return worker, pause_s


class Pool:
    """All workers of an engine. `streams_per_worker`, `wait_s`: see `vivavoce_api.Isolation`."""

    def __init__(self, title: str, places: Sequence[Place], streams_per_worker: int | None, wait_s: float) -> None:
        self._title = title
        self._streams = streams_per_worker
        self._wait_s = wait_s
        self._changed = asyncio.Event()
        self._closed = False
        self.places = places
        for place in places:
            place.changed = self._changed.set

    async def acquire(self, place: Place | None, *, stream: bool) -> Worker:
        """A live worker, of `place` where one is given, with a stream taken if that is what it is for.

        Waits up to `wait_s`. Raises `EngineBusyError` when all streams are taken, `EngineUnavailableError` when no
        worker lives: at once where the last attempt to start it again failed.
        """
        places = self.places if place is None else [place]
        try:
            async with asyncio.timeout(self._wait_s):
                while (worker := self._free(places, stream)) is None:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise self._none_free(places) from None
        if stream:
            worker.streams += 1
        return worker

    def release(self, worker: Worker) -> None:
        """A stream of `worker` is free again."""
        worker.streams -= 1
        self._changed.set()

    def _free(self, places: Sequence[Place], stream: bool) -> Worker | None:
        if self._closed:
            raise EngineUnavailableError(f"{self._title} was closed", retryable=False)
        alive = [place.worker for place in places if place.worker is not None]
        if not alive and all(place.problem is not None for place in places):
            raise self._none_free(places)
        limit = self._streams if stream else None
        free = [worker for worker in alive if limit is None or worker.streams < limit]
        return min(free, key=lambda worker: worker.streams, default=None)

    def _none_free(self, places: Sequence[Place]) -> VivavoceError:
        if any(place.worker is not None for place in places):
            served = "one" if len(places) == 1 else f"all {len(places)}"
            return EngineBusyError(
                f"{self._title} is busy: {served} of its worker processes served others for {self._wait_s:g} s"
            )
        reasons = [place.problem.message for place in places if place.problem is not None]
        why = f" ({reasons[0]})" if reasons else ""
        return EngineUnavailableError(f"{self._title} is not running; its worker process is being started again{why}")

    async def close(self) -> None:
        """End all workers. Idempotent."""
        self._closed = True
        self._changed.set()
        await asyncio.gather(*(place.close() for place in self.places))
