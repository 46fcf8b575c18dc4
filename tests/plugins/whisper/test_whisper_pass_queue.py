"""Who is next when several conversations share the model."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from vivavoce_whisper.pass_queue import Lane, PassQueue


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


async def order_of(decoder, count: int) -> list[bytes]:
    """The audio of the next passes, in the order in which they begin; each is answered at once."""
    order = []
    for _ in range(count):
        current = await decoder.begun()
        order.append(current.pcm)
        current.finish("")
    return order


def test_lanes_take_turns(decoder) -> None:
    async def scenario() -> None:
        queue, a, b, c = PassQueue(decoder), Lane(), Lane(), Lane()
        queue.submit(a, b"a1", urgent=False)
        running = await decoder.begun()
        for lane, pcm in ((a, b"a2"), (b, b"b1"), (c, b"c1")):
            queue.submit(lane, pcm, urgent=False)
        running.finish("")
        assert await order_of(decoder, 3) == [b"b1", b"c1", b"a2"]
        await asyncio.to_thread(queue.close)

    run(scenario())


def test_urgent_passes_go_first_and_take_turns_too(decoder) -> None:
    async def scenario() -> None:
        queue, a, b, c = PassQueue(decoder), Lane(), Lane(), Lane()
        queue.submit(a, b"a1", urgent=False)
        running = await decoder.begun()
        queue.submit(b, b"b1", urgent=False)
        queue.submit(a, b"a2 urgent", urgent=True)
        queue.submit(c, b"c1 urgent", urgent=True)
        running.finish("")
        assert await order_of(decoder, 3) == [b"c1 urgent", b"a2 urgent", b"b1"]
        await asyncio.to_thread(queue.close)

    run(scenario())


def test_what_is_not_urgent_is_a_draft(decoder) -> None:
    async def scenario() -> None:
        queue = PassQueue(decoder)
        for urgent in (True, False):
            queue.submit(Lane(), b"", urgent=urgent)
            current = await decoder.begun()
            assert current.draft is not urgent
            current.finish("")
        await asyncio.to_thread(queue.close)

    run(scenario())


def test_a_newer_pass_of_a_lane_replaces_the_waiting_one(decoder) -> None:
    async def scenario() -> None:
        queue, a, b = PassQueue(decoder), Lane(), Lane()
        queue.submit(a, b"a1", urgent=False)
        running = await decoder.begun()
        outdated = queue.submit(b, b"b1", urgent=False)
        newer = queue.submit(b, b"b1 b2", urgent=False)
        running.finish("")
        assert await order_of(decoder, 1) == [b"b1 b2"]
        await asyncio.wrap_future(newer.future)
        assert outdated.future.cancelled()
        assert decoder.idle
        await asyncio.to_thread(queue.close)

    run(scenario())


def test_an_abandoned_pass_never_begins(decoder) -> None:
    async def scenario() -> None:
        queue, a, b, c = PassQueue(decoder), Lane(), Lane(), Lane()
        queue.submit(a, b"a1", urgent=False)
        running = await decoder.begun()
        queue.submit(b, b"b1", urgent=True).abandon()
        queue.submit(c, b"c1", urgent=False)
        running.finish("")
        assert await order_of(decoder, 1) == [b"c1"]
        await asyncio.to_thread(queue.close)
        assert decoder.idle

    run(scenario())


def test_replicas_run_at_the_same_time(decoder) -> None:
    async def scenario() -> None:
        queue = PassQueue(decoder, replicas=2)
        queue.submit(Lane(), b"a1", urgent=False)
        queue.submit(Lane(), b"b1", urgent=False)
        first, second = await decoder.begun(), await decoder.begun()
        assert {first.pcm, second.pcm} == {b"a1", b"b1"}
        first.finish("")
        second.finish("")
        await asyncio.to_thread(queue.close)

    run(scenario())
