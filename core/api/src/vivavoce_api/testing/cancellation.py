"""What all streaming sessions owe: they stop at once when nobody wants the result, and can be used again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any, cast

from vivavoce_api.errors import VivavoceError

ATTEMPTS = 5


async def collect(stream: AsyncIterator[Any]) -> list[Any]:
    """All items of a stream, which is closed whatever happens."""
    try:
        return [item async for item in stream]
    finally:
        await close_stream(stream)


async def first(stream: AsyncIterator[Any]) -> Any:
    """The first item; the stream stays open."""
    async for item in stream:
        return item
    raise AssertionError("the stream ended without an item")


async def close_stream(stream: AsyncIterator[Any]) -> None:
    """Close an iterator as the runtime does."""
    assert hasattr(stream, "aclose"), "streams must be closable (async generators): barge-in closes them"
    await cast("AsyncGenerator[Any, None]", stream).aclose()


async def timed_stop(
    start: Callable[[], AsyncIterator[Any]],
    limit_ms: float,
    *,
    after_first_item: bool,
    by_cancelling: bool,
    delay_ms: float = 50,
) -> None:
    """Start a stream, stop it early, and check that stopping is quick. Repeats on noise."""
    loop = asyncio.get_running_loop()
    quickest_ms = float("inf")
    for _ in range(ATTEMPTS):
        stream = start()
        if after_first_item:
            await first(stream)
        if by_cancelling:
            task = asyncio.ensure_future(collect(stream))
            await asyncio.sleep(delay_ms / 1000)
            began_s = loop.time()
            task.cancel()
            await asyncio.wait([task])
            _check_end(task)
        else:
            began_s = loop.time()
            await close_stream(stream)
        quickest_ms = min(quickest_ms, (loop.time() - began_s) * 1000)
        if quickest_ms <= limit_ms:
            return
    raise AssertionError(f"stopping took {quickest_ms:.0f} ms at best, {limit_ms:.0f} ms are allowed")


async def end_after_close(stream: AsyncIterator[Any], close: Callable[[], Awaitable[None]]) -> None:
    """Close a session under a running stream: the stream must end, or raise an error of the tree."""
    task = asyncio.ensure_future(collect(stream))
    await asyncio.sleep(0.05)
    await close()
    done, _ = await asyncio.wait([task], timeout=5)
    if not done:
        task.cancel()
        await asyncio.wait([task])
        raise AssertionError("closing the session left a stream of it running")
    _check_end(task)


def _check_end(task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        return
    error = task.exception()
    assert error is None or isinstance(error, VivavoceError), f"ended with {error!r}, not a VivavoceError"
