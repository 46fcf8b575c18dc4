"""The loop whose clock jumps."""

import asyncio
import socket
import time

import pytest

from vivavoce_api.testing import VirtualTimeLoop, virtual_time_loop


@pytest.fixture
def runner():
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        yield runner


def test_sleeping_takes_no_time_and_is_exact(runner: asyncio.Runner) -> None:
    async def sleep() -> float:
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(1800))
        return asyncio.get_running_loop().time()

    assert runner.run(sleep()) == 3600


def test_sleepers_wake_in_order(runner: asyncio.Runner) -> None:
    woken: list[float] = []

    async def sleep(duration_s: float) -> None:
        await asyncio.sleep(duration_s)
        woken.append(duration_s)

    async def sleep_all() -> None:
        await asyncio.gather(*(sleep(s) for s in (3, 1, 2)))

    runner.run(sleep_all())
    assert woken == [1, 2, 3]


def test_timeouts_fire(runner: asyncio.Runner) -> None:
    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.Event().wait()
        return asyncio.get_running_loop().time()

    assert runner.run(wait()) == 5


def test_threads_are_waited_for(runner: asyncio.Runner) -> None:
    async def work() -> str:
        async with asyncio.timeout(60):
            return await asyncio.to_thread(lambda: time.sleep(0.05) or "done")

    assert runner.run(work()) == "done"


def test_the_clock_jumps_again_after_the_thread(runner: asyncio.Runner) -> None:
    async def work() -> float:
        await asyncio.to_thread(time.sleep, 0.01)
        began_s = asyncio.get_running_loop().time()
        await asyncio.sleep(1000)
        return asyncio.get_running_loop().time() - began_s

    assert runner.run(work()) == pytest.approx(1000)


def test_where_work_takes_no_time_timers_wait_for_it() -> None:
    done: list[str] = []

    async def work() -> float:
        loop = asyncio.get_running_loop()
        loop.call_later(0.001, done.append, "timer")
        began_s = loop.time()
        done.append(await asyncio.to_thread(lambda: time.sleep(0.05) or "work"))
        took_s = loop.time() - began_s
        await asyncio.sleep(0.001)
        return took_s

    with asyncio.Runner(loop_factory=lambda: VirtualTimeLoop(work_takes_time=False)) as runner:
        assert runner.run(work()) == 0
    assert done == ["work", "timer"]


def test_sockets_within_the_process_work(runner: asyncio.Runner) -> None:
    async def talk() -> bytes:
        here, there = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=here)
        _, other = await asyncio.open_connection(sock=there)
        other.write(b"hello\n")
        async with asyncio.timeout(1):
            line = await reader.readline()
        for stream in (writer, other):
            stream.close()
            await stream.wait_closed()
        return line

    assert runner.run(talk()) == b"hello\n"


def test_each_loop_has_its_own_clock() -> None:
    loop = virtual_time_loop()
    assert isinstance(loop, VirtualTimeLoop)
    assert loop.time() == 0
    loop.close()
