"""Many sessions at once, each making its attempts one after the other; failures are counted, not fatal."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from vivavoce_api import SessionContext, VivavoceError

T = TypeVar("T")


@asynccontextmanager
async def open_sessions(engine: Any, count: int) -> AsyncIterator[list[Any]]:
    """So many sessions of one engine, closed at the end. Raises `EngineBusyError` where it serves fewer."""
    async with AsyncExitStack() as stack:
        sessions = []
        for number in range(count):
            sessions.append(await engine.open_session(SessionContext(f"bench-{number}")))
            stack.push_async_callback(sessions[-1].close)
        yield sessions


async def attempt_all(
    works: Sequence[Sequence[Callable[[], Awaitable[T]]]], progress: Callable[[int], None]
) -> tuple[list[T], tuple[str, ...]]:
    """Make each work's attempts in order, all works at once; what came of them, and the messages of what failed.

    `progress` gets the number of attempts that are over. Other errors come through; cancelling stops all.
    """
    results: list[T] = []
    failures: list[str] = []

    async def work_on(attempts: Sequence[Callable[[], Awaitable[T]]]) -> None:
        for attempt in attempts:
            try:
                results.append(await attempt())
            except VivavoceError as error:
                failures.append(error.message)
            progress(len(results) + len(failures))

    progress(0)
    async with asyncio.TaskGroup() as group:
        for attempts in works:
            group.create_task(work_on(attempts))
    return results, tuple(failures)
