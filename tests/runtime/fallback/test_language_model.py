"""Language models that take over from each other until a reply has begun."""

import asyncio

import pytest

from vivavoce_api import EngineError, EngineUnavailableError, Message, PredictsEndOfTurn, SessionContext

MESSAGES = [Message("user", "Hello")]


def use(kit, engines, work):
    async def all_of_it():
        engine = kit.in_a_list(*engines)
        await engine.load()
        session = await engine.open_session(SessionContext("s"))
        try:
            return await work(session, engine)
        finally:
            await session.close()
            await engine.close()

    return kit.run(all_of_it)


async def reply(session):
    return "".join([item.text async for item in session.generate(MESSAGES)])


def test_one_that_fails_before_its_first_token_is_followed(kit):
    async def work(session, engine):
        return await reply(session), engine.members.takeovers

    said, takeovers = use(kit, [kit.model("one", [kit.broken]), kit.model("other")], work)
    assert said == "other other"
    assert takeovers == [{"from": "one", "to": "other", "reason": "error", "count": 1}]


def test_one_that_keeps_waiting_is_followed_at_its_deadline(kit):
    async def work(session, engine):
        return await reply(session), kit.now_ms()

    engines = [kit.member(kit.model("one", delay_ms=900), deadline_s=0.4), kit.model("other", delay_ms=100)]
    assert use(kit, engines, work) == ("other other", 500)


def test_a_slow_stream_is_not_cut_off_once_it_has_begun(kit):
    one = kit.model("one", delay_ms=300)

    async def drawl():
        for _ in range(3):
            await asyncio.sleep(0.3)
            async for item in write():
                yield item

    write, one.write = one.write, drawl

    async def work(session, engine):
        return await reply(session)

    assert use(kit, [kit.member(one, deadline_s=0.7), kit.model("other")], work) == "one one" * 3


def test_a_failure_after_the_first_token_comes_through(kit):
    other = kit.model("other")

    async def work(session, engine):
        with pytest.raises(EngineError, match="it broke"):
            await reply(session)
        return engine.members.states()[0]["state"]

    assert use(kit, [kit.model("one", [(1, kit.broken)]), other], work) == "resting"
    assert other.calls == []


def test_where_all_fail_the_last_ones_error_is_told(kit):
    async def work(session, engine):
        with pytest.raises(EngineError, match="also broke"):
            await reply(session)

    use(kit, [kit.model("one", [kit.broken]), kit.model("other", [EngineError("also broke")])], work)


def test_warming_and_the_end_of_turn_go_to_the_model_in_use(kit):
    one, other = kit.model("one", [kit.broken], probability=0.25), kit.model("other", probability=0.75)

    async def work(session, engine):
        assert isinstance(session, PredictsEndOfTurn)
        await session.warm(MESSAGES)
        before = await session.end_of_turn_probability(MESSAGES)
        await reply(session)
        await session.warm(MESSAGES)
        return before, await session.end_of_turn_probability(MESSAGES)

    assert use(kit, [one, other], work) == (0.25, 0.75)
    assert (one.warmed, other.warmed) == (1, 1)


def test_a_model_that_cannot_tell_says_so_while_it_is_in_use(kit):
    async def work(session, engine):
        await reply(session)
        with pytest.raises(EngineUnavailableError, match="can't tell"):
            await session.end_of_turn_probability(MESSAGES)

    use(kit, [kit.model("one", [kit.broken], probability=0.25), kit.model("other")], work)


def test_a_first_model_that_cannot_tell_is_not_asked(kit):
    async def work(session, engine):
        return isinstance(session, PredictsEndOfTurn)

    assert use(kit, [kit.model("one"), kit.model("other", probability=0.5)], work) is False


def test_a_session_that_is_closed_while_it_generates_asks_nobody_else(kit):
    one, other = kit.model("one", [kit.hang]), kit.model("other")

    async def work(session, engine):
        task = asyncio.create_task(reply(session))
        await asyncio.sleep(0.1)
        await session.close()
        task.cancel()
        await asyncio.wait([task])
        return other.calls

    assert use(kit, [one, other], work) == []
