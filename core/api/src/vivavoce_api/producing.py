"""A queue and the task that fills it, as one stream."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from vivavoce_api.errors import EngineError

T = TypeVar("T")


async def next_produced(made: asyncio.Queue[T], producer: asyncio.Task[Any]) -> T | None:
    """The next item that `producer` put into `made`; None once it has ended and all items were taken.

    What the producer raised comes through after its items; `EngineError` where it was cancelled: its session was
    closed. Cancelling takes no item.
    """
    if made.empty() and not producer.done():
        getter = asyncio.ensure_future(made.get())
        try:
            await asyncio.wait({getter, producer}, return_when=asyncio.FIRST_COMPLETED)
            if getter.done():
                return getter.result()
        finally:
            getter.cancel()
    if not made.empty():
        return made.get_nowait()
    if producer.cancelled():
        raise EngineError("the session was closed")
    producer.result()
    return None
