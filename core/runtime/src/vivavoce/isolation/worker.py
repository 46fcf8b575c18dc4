"""One worker: a process, the connection to it, and what it said of its engine."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

from vivavoce.isolation.link import REBUILD, Link
from vivavoce.isolation.patience import Patience
from vivavoce.isolation.process import Launch, WorkerProcess
from vivavoce_api import EngineUnavailableError, Progress


class Worker:
    """A started worker. `streams` are those that it serves now."""

    def __init__(self, process: WorkerProcess, link: Link, description: Mapping[str, Any]) -> None:
        self._process = process
        self._watch = asyncio.create_task(self._lose_with_process())
        self._sessions = count(1)
        self.link = link
        self.description = description
        self.streams = 0

    @classmethod
    async def start(
        cls, launch: Launch, title: str, order: Mapping[str, Any], patience: Patience, progress: Progress
    ) -> Worker:
        """Start a process and have it carry out an order. Raises `VivavoceError`; no process is left then."""
        loop = asyncio.get_running_loop()
        process, connection = await WorkerProcess.spawn(launch, title)
        link = Link(title, patience, progress)
        worker = cls(process, link, {})
        try:
            await loop.create_connection(lambda: link, sock=connection)
            worker.description = await link.start(order)
        except EngineUnavailableError as error:
            how = await worker.end()
            said = f"; it said: {process.last_lines}" if process.last_lines else ""
            fix = REBUILD if launch.own_environment and not link.greeted else None
            raise EngineUnavailableError(f"{error.message} before it was ready ({how}){said}", fix=fix) from None
        except BaseException:
            await worker.end(grace_s=0)
            raise
        return worker

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def last_lines(self) -> str:
        """The last lines that it printed."""
        return self._process.last_lines

    def next_session(self) -> int:
        """A number for a new session."""
        return next(self._sessions)

    async def _lose_with_process(self) -> None:
        """The connection says so first, unless something that the worker had started holds it open."""
        await self._process.exited()
        self.link.break_off("ended")

    async def end(self, grace_s: float | None = None) -> str:
        """Hang up, wait for its end or enforce it; returns how it ended. Nothing of it is left afterwards."""
        hangs = self.link.lost.done()
        self.link.break_off("was closed")
        if grace_s is None:
            grace_s = 1.0 if hangs else self.link.patience.close_s
        how = await self._process.end(grace_s)
        await self._watch
        return how
