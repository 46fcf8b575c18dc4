"""The thread of a model's passes: in order, off the event loop, and nobody waits for what will not come."""

from __future__ import annotations

import asyncio
import threading

import pytest
from vivavoce_pipecat.lane import Lane

from vivavoce_api import EngineUnavailableError


def with_lane(work):
    """Do `work` with a lane, which is closed twice, as engines may be."""

    async def run():
        lane = Lane("test")
        try:
            return await asyncio.wait_for(work(lane), 20)
        finally:
            await lane.close()
            await lane.close()

    return asyncio.run(run())


def test_passes_run_in_order_in_one_thread_that_is_not_the_event_loop_s():
    ran: list[tuple[int, str]] = []

    async def work(lane):
        def note(number):
            ran.append((number, threading.current_thread().name))
            return number

        assert await asyncio.gather(*(lane.run(lambda n=n: note(n)) for n in range(20))) == list(range(20))

    with_lane(work)
    assert ran == [(number, "test") for number in range(20)]
    assert "test" not in {thread.name for thread in threading.enumerate()}


def test_an_error_is_the_caller_s_and_the_lane_goes_on():
    async def work(lane):
        with pytest.raises(ZeroDivisionError):
            await lane.run(lambda: 1 // 0)
        assert await lane.run(lambda: 7) == 7

    with_lane(work)


def test_a_cancelled_pass_does_not_run_where_it_waited_and_is_abandoned_where_it_ran():
    started, may_end = threading.Event(), threading.Event()
    ran: list[str] = []

    def first():
        started.set()
        may_end.wait(20)
        ran.append("first")

    async def work(lane):
        running = asyncio.create_task(lane.run(first))
        waiting = asyncio.create_task(lane.run(lambda: ran.append("second")))
        await asyncio.to_thread(started.wait, 20)
        running.cancel()
        waiting.cancel()
        await asyncio.wait([running, waiting])
        may_end.set()
        await lane.run(lambda: ran.append("third"))

    with_lane(work)
    assert ran == ["first", "third"]


def test_closing_waits_for_what_was_asked_and_takes_no_more():
    async def work(lane):
        asked = asyncio.create_task(lane.run(lambda: 1))
        await asyncio.sleep(0)
        await lane.close()
        assert await asked == 1
        with pytest.raises(EngineUnavailableError, match="test was closed"):
            await lane.run(lambda: 2)

    with_lane(work)


def test_a_pass_whose_event_loop_is_gone_leaves_the_lane_to_the_next():
    started, may_end = threading.Event(), threading.Event()
    lane = Lane("test")

    def slow():
        started.set()
        may_end.wait(20)

    async def give_up():
        asked = asyncio.create_task(lane.run(slow))
        await asyncio.to_thread(started.wait, 20)
        asked.cancel()

    asyncio.run(give_up())
    may_end.set()

    async def go_on():
        assert await asyncio.wait_for(lane.run(lambda: 7), 20) == 7
        await lane.close()

    asyncio.run(go_on())
