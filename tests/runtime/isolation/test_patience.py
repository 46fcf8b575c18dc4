"""Signs of life, answers and restarts, on virtual time: no process is started here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from vivavoce.isolation.link import Link
from vivavoce.isolation.patience import Patience
from vivavoce.isolation.pool import Place, Pool
from vivavoce_api import EngineError, EngineTimeoutError, EngineUnavailableError, no_progress
from vivavoce_api.testing import virtual_time_loop
from vivavoce_api.worker.records import PROTOCOL, Decoder, Record, Type, encode


def run(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        runner.run(work)


def now_s() -> float:
    return asyncio.get_running_loop().time()


class Wire(asyncio.Transport):
    """The way to a worker that is played by the test; it keeps what was sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[Record] = []
        self.aborted = False

    def write(self, data):
        self.sent += Decoder().feed(bytes(data))

    def get_write_buffer_size(self):
        return 0

    def abort(self):
        self.aborted = True


async def started(**patience: float) -> tuple[Link, Wire]:
    link, wire = Link("tts 'v'", Patience(**patience), no_progress), Wire()
    link.connection_made(wire)
    starting = asyncio.create_task(link.start({}))
    say(link, Record(Type.HELLO, values={"protocol": PROTOCOL}), Record(Type.READY, values={"max_sessions": 2}))
    assert await starting == {"max_sessions": 2}
    return link, wire


def say(link: Link, *records: Record) -> None:
    link.data_received(b"".join(map(encode, records)))


def test_a_worker_that_beats_is_left_alone_and_one_that_is_silent_is_not():
    async def scenario():
        link, wire = await started(silence_s=10)
        for _ in range(100):
            await asyncio.sleep(9)
            say(link, Record(Type.BEAT))
        assert not link.lost.done()
        silent_since_s = now_s()
        error = await link.lost
        assert 10 <= now_s() - silent_since_s <= 14
        assert error.message == "the worker process of tts 'v' gave no sign of life for 10 s"
        assert wire.aborted

    run(scenario())


def test_while_it_starts_it_may_be_silent_for_longer():
    async def scenario():
        link = Link("tts 'v'", Patience(start_s=300, silence_s=10), no_progress)
        link.connection_made(Wire())
        starting = asyncio.create_task(link.start({}))
        await asyncio.sleep(290)
        assert not starting.done()
        with pytest.raises(EngineUnavailableError, match="gave no sign of life for 300 s"):
            await starting

    run(scenario())


def test_a_slow_answer_ends_the_call_but_a_slow_reader_does_not():
    async def scenario():
        link, wire = await started(answer_s=60, silence_s=1e6)
        call = link.begin({"method": "generate"})
        number = wire.sent[-1].call
        call.expect_answer()
        text = Record(Type.ITEM, number, {"is": "TextDelta", "text": "a"})
        for _ in range(3):
            asyncio.get_running_loop().call_later(50, say, link, text)
            await anext(call.inlet)
        await asyncio.sleep(1000)  # the reader is busy elsewhere
        reading_since_s = now_s()
        with pytest.raises(EngineTimeoutError, match="tts 'v' gave no answer for 60 s"):
            await anext(call.inlet)
        assert now_s() - reading_since_s == pytest.approx(60)
        assert wire.sent[-1] == Record(Type.CANCEL, number)
        say(link, text, Record(Type.END, number))  # what was under way
        assert not link.lost.done()

    run(scenario())


def test_a_call_that_does_not_stop_costs_the_worker():
    async def scenario():
        link, _ = await started(cancel_s=5, silence_s=1e6)
        stopping, staying = link.begin({}), link.begin({})
        over = []
        stopping.on_over = lambda: over.append(now_s())
        began_s = now_s()
        stopping.cancel()
        error = await link.lost
        assert now_s() - began_s == pytest.approx(5)
        assert "did not stop within 5 s" in error.message
        assert over == [now_s()]
        with pytest.raises(EngineUnavailableError, match="another one is being started, try again in a moment"):
            await anext(staying.inlet)

    run(scenario())


@pytest.mark.parametrize(
    "record",
    [
        Record(Type.HELLO),
        Record(Type.READY),
        Record(Type.ITEM, 99, {"is": "plain", "value": 1}),
        Record(Type.ITEM, 1, {"is": "nonsense"}),
        Record(Type.CREDIT, 1, {"items": 5}),
        Record(Type.CALL, 1),
    ],
    ids=lambda record: record.type.name,
)
def test_a_worker_that_breaks_the_protocol_is_given_up(record):
    async def scenario():
        link, wire = await started()
        call = link.begin({})
        say(link, record)
        assert link.lost.done()
        with pytest.raises(EngineUnavailableError):
            await anext(call.inlet)
        assert wire.aborted

    run(scenario())


class Mortal:
    """A worker as far as a place knows it."""

    def __init__(self) -> None:
        self.link = Link("tts 'v'", Patience(), no_progress)
        self.streams = 0
        self.ended = False

    async def end(self) -> str:
        self.link.break_off("was closed")
        self.ended = True
        return "was killed by SIGKILL"


def test_restarts_come_ever_later_until_one_has_lived_for_a_while():
    async def scenario():
        starts: list[float] = []
        workers: list[Mortal] = []
        failing = 0

        async def start():
            nonlocal failing
            starts.append(now_s())
            if failing:
                failing -= 1
                raise EngineError("no room")
            workers.append(Mortal())
            return workers[-1]

        place = Place("tts 'v'", start, Patience(first_pause_s=1, longest_pause_s=8, steady_s=100))
        pool = Pool("tts 'v'", [place], None, wait_s=5)
        await place.start()

        async def pause_after_death() -> float:
            died_s = now_s()
            workers[-1].link.break_off("ended")
            while place.worker is None:  # noqa: ASYNC110 - takes no time
                await asyncio.sleep(0.5)
            return starts[-1] - died_s

        assert [await pause_after_death() for _ in range(5)] == [1, 2, 4, 8, 8]
        await asyncio.sleep(100)
        assert await pause_after_death() == 1
        failing = 1
        workers[-1].link.break_off("ended")
        with pytest.raises(EngineUnavailableError, match=r"is being started again \(no room\)"):
            await pool.acquire(None, stream=True)
        await asyncio.sleep(20)
        assert await pool.acquire(None, stream=True) is workers[-1]
        await pool.close()
        assert all(worker.ended for worker in workers)

    run(scenario())
