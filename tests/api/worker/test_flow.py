"""Each side of a call sends only what the other has room for, and the reader gets it in order."""

from __future__ import annotations

import asyncio

import pytest

from vivavoce_api.worker.flow import WINDOW, Inlet, Outlet
from vivavoce_api.worker.records import ProtocolError, Record, Type


def test_an_outlet_waits_for_room():
    async def scenario():
        sent: list[Record] = []
        outlet = Outlet(3, sent.append)

        async def send_all():
            for number in range(WINDOW + 3):
                await outlet.put(number)
            outlet.end()

        sending = asyncio.create_task(send_all())
        await asyncio.sleep(0)
        assert [record.values["value"] for record in sent] == list(range(WINDOW))
        outlet.grant(2)
        await asyncio.sleep(0)
        assert len(sent) == WINDOW + 2
        outlet.grant(1)
        await sending
        assert sent[-1] == Record(Type.END, 3)
        assert sent[-2] == Record(Type.ITEM, 3, {"is": "plain", "value": WINDOW + 2})

    asyncio.run(scenario())


@pytest.mark.parametrize("items", [0, -1, WINDOW, "1", None, 1.0])
def test_room_that_can_not_be_is_refused(items):
    async def scenario():
        outlet = Outlet(1, lambda record: None)
        await outlet.put("one")
        with pytest.raises(ProtocolError):
            outlet.grant(items)

    asyncio.run(scenario())


def test_an_inlet_gives_room_as_it_is_read():
    async def scenario():
        sent: list[Record] = []
        inlet = Inlet(3, sent.append)
        for number in range(WINDOW):
            inlet.add(number)
        with pytest.raises(ProtocolError, match="than there was room for"):
            inlet.add(WINDOW)
        assert [await anext(inlet) for _ in range(WINDOW)] == list(range(WINDOW))
        assert sum(record.values["items"] for record in sent) == WINDOW
        for number in range(WINDOW):
            inlet.add(number)

    asyncio.run(scenario())


def test_the_reader_gets_the_rest_before_the_end_and_before_an_error():
    async def scenario():
        inlet = Inlet(1, lambda record: None)
        inlet.add("a")
        inlet.end()
        assert [item async for item in inlet] == ["a"]
        failing = Inlet(1, lambda record: None)
        failing.add("a")
        failing.end(LookupError("later"))
        assert await anext(failing) == "a"
        with pytest.raises(LookupError):
            await anext(failing)

    asyncio.run(scenario())


def test_a_failure_comes_at_once_and_wakes_the_reader():
    async def scenario():
        inlet = Inlet(1, lambda record: None)
        reading = asyncio.ensure_future(anext(inlet))
        await asyncio.sleep(0)
        assert inlet.awaited_since_s is not None
        inlet.add("never read")
        inlet.fail(LookupError("now"))
        with pytest.raises(LookupError):
            await reading
        assert inlet.awaited_since_s is None

    asyncio.run(scenario())


def test_nothing_comes_after_the_end():
    async def scenario():
        inlet = Inlet(1, lambda record: None)
        inlet.end()
        with pytest.raises(ProtocolError):
            inlet.add("late")

    asyncio.run(scenario())
