"""Loading a list: what fails at the start is tried again."""

import asyncio

import pytest

from vivavoce.fallback.members import FIRST_RELOAD_S
from vivavoce_api import ConfigurationError, EngineUnavailableError, SessionContext

NO_KEY = ConfigurationError("there is no key")


def test_one_that_cannot_be_loaded_is_not_fatal_and_is_tried_again(kit):
    one, other = kit.voice("one"), kit.voice("other")

    async def work():
        engine = kit.in_a_list(kit.member(one, [NO_KEY, NO_KEY]), other)
        await engine.load()
        session = await engine.open_session(SessionContext("s"))
        before = engine.members.states()
        await asyncio.sleep(FIRST_RELOAD_S * 2)
        between = engine.members.states()
        await asyncio.sleep(FIRST_RELOAD_S * 2)
        after = engine.members.states()
        chunks = [chunk async for chunk in session.synthesize(text())]
        await session.close()
        await engine.close()
        return before, between, after, chunks

    async def text():
        yield "Hello"

    before, between, after, chunks = kit.run(work)
    assert before[0] == between[0] == {"name": "one", "state": "not loaded", "error": "there is no key"}
    assert after[0] == {"name": "one", "state": "ready"}
    assert len(other.opened) == 1
    assert len(one.opened) == 1
    assert chunks
    assert (one.is_closed, other.is_closed) == (True, True)


def test_where_none_can_be_loaded_the_first_error_is_told(kit):
    async def work():
        engine = kit.in_a_list(
            kit.member(kit.voice("one"), [NO_KEY]), kit.member(kit.voice("other"), [EngineUnavailableError("away")])
        )
        with pytest.raises(ConfigurationError, match="no key"):
            await engine.load()

    kit.run(work)


def test_cancelling_the_load_closes_what_was_loaded(kit):
    one, slow = kit.voice("one"), kit.member(kit.voice("slow"))

    async def never():
        await asyncio.Event().wait()

    slow.load = never

    async def work():
        engine = kit.in_a_list(one, slow)
        loading = asyncio.create_task(engine.load())
        await asyncio.sleep(1)
        loading.cancel()
        await asyncio.wait([loading])
        return one.is_closed

    assert kit.run(work)


def test_closing_waits_for_a_load_that_runs_and_closes_its_engine(kit):
    one = kit.voice("one")
    late = kit.member(one)
    loads = []

    async def load():
        loads.append(kit.now_ms())
        if len(loads) == 1:
            raise NO_KEY
        await asyncio.sleep(3)
        return one

    late.load = load

    async def work():
        engine = kit.in_a_list(late, kit.voice("other"))
        await engine.load()
        await asyncio.sleep(FIRST_RELOAD_S + 1)
        await engine.close()
        await engine.close()
        return kit.now_ms()

    assert kit.run(work) == (FIRST_RELOAD_S + 3) * 1000
    assert one.is_closed


def test_one_without_a_limit_makes_the_list_unlimited(kit):
    async def work():
        engine = kit.in_a_list(kit.voice("one", max_sessions=2), kit.voice("other"))
        await engine.load()
        limit = engine.max_sessions
        await engine.close()
        return limit

    assert kit.run(work) is None
