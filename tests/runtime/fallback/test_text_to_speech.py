"""Voices that take over from each other before anything was heard."""

import asyncio

import pytest

from vivavoce_api import ClientError, EngineBusyError, EngineError, SessionContext


def test_without_a_fault_only_the_first_is_asked(kit):
    one, other = kit.voice("one"), kit.voice("other")
    (chunks,), engine = kit.replies(one, other)
    assert kit.spoken(chunks) == "One two, three four five six."
    assert (len(one.calls), other.calls, other.opened) == (1, [], [])
    assert engine.members.takeovers == []
    assert one.is_closed
    assert other.is_closed


def test_one_that_fails_at_once_is_followed_by_the_next_with_the_whole_text(kit):
    one, other = kit.voice("one", [kit.broken]), kit.voice("other")
    (chunks,), engine = kit.replies(one, other)
    assert kit.spoken(chunks) == "One two, three four five six."
    assert "".join(other.heard) == "".join(kit.text)
    assert engine.members.takeovers == [{"from": "one", "to": "other", "reason": "error", "count": 1}]


def test_text_that_was_read_before_the_failure_is_said(kit):
    one, other = kit.voice("one"), kit.voice("other")

    async def reads_and_fails(text):
        async for piece in text:
            one.heard.append(piece)
            if len(one.heard) == 3:
                raise kit.broken
        yield

    one.speak = reads_and_fails
    (chunks,), _ = kit.replies(one, other)
    assert len(one.heard) == 3
    assert kit.spoken(chunks) == "One two, three four five six."


def test_a_plugin_that_raises_what_it_should_not_is_followed_too(kit, caplog):
    (chunks,), _ = kit.replies(kit.voice("one", [KeyError("x")]), kit.voice("other"))
    assert kit.spoken(chunks)
    assert "one raised" in caplog.text


def test_the_deadline_counts_from_the_first_clause_not_from_slow_text(kit):
    one, other = kit.voice("one", [kit.hang]), kit.voice("other", delay_ms=100)

    async def speak():
        engine = kit.in_a_list(kit.member(one, deadline_s=0.5), other)
        session = await kit.opened(engine)
        slowly = kit.written(["Tell", " me", " more, ", "please"], every_ms=1000)
        times = [kit.now_ms() async for _ in session.synthesize(slowly)]
        await session.close()
        await engine.close()
        return times, engine.members.takeovers

    times, takeovers = kit.run(speak)
    # The clause is "Tell me more," and ends when white space follows: at 3000 ms. At 3500 ms the other is asked.
    assert other.calls == [3500]
    assert times[0] == 3600
    assert one.running == 0
    assert [takeover["reason"] for takeover in takeovers] == ["timeout"]


def test_the_last_hope_has_no_deadline(kit):
    (chunks,), _ = kit.replies(kit.voice("one", [kit.broken]), kit.voice("other", delay_ms=20_000))
    assert kit.spoken(chunks)


def test_text_without_a_word_is_no_fault(kit):
    one, other = kit.voice("one"), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(one, other)
        session = await kit.opened(engine)
        chunks = await kit.say(session, [" ", "\n"], every_ms=5000)
        await session.close()
        await engine.close()
        return chunks

    assert kit.run(speak) == []
    assert other.calls == []


def test_a_failed_one_rests_is_tried_again_and_comes_back(kit):
    one, other = kit.voice("one", [kit.broken, kit.broken]), kit.voice("other")
    _, engine = kit.replies(one, other, count=9, pause_s=0.9)
    # Replies begin at 0, 1000, 2000 ... ms: the rest of 2 s ends at 2000, the second one of 4 s at 6000 ms.
    assert one.calls == [0, 2000, 6000, 7000, 8000]
    assert other.calls == [0, 1000, 2000, 3000, 4000, 5000]
    assert engine.members.all[0].health.rest_s(0) is None
    assert engine.members.all[0].health.failures == 0


def test_while_one_conversation_tries_it_the_others_do_not(kit):
    one, other = kit.voice("one", [kit.broken, kit.hang]), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(kit.member(one, deadline_s=1.0), other)
        await engine.load()
        sessions = [await engine.open_session(SessionContext(str(n))) for n in range(3)]
        await kit.say(sessions[0])
        await asyncio.sleep(5)
        await asyncio.gather(*(kit.say(session) for session in sessions))
        for session in sessions:
            await session.close()
        states = engine.members.states()
        await engine.close()
        return states

    states = kit.run(speak)
    assert len(one.calls) == 2
    assert len(other.calls) == 4
    assert (states[0]["state"], states[0]["failures"], states[1]["state"]) == ("resting", 2, "ready")
    assert states[0]["error"] == "no answer within 1000 ms"


def test_where_all_rest_the_first_is_asked_rather_than_nobody(kit):
    one, other = kit.voice("one", [kit.broken]), kit.voice("other", [kit.broken])

    async def speak():
        engine = kit.in_a_list(one, other)
        session = await kit.opened(engine)
        with pytest.raises(EngineError, match="it broke"):
            await kit.say(session)
        chunks = await kit.say(session)
        await session.close()
        await engine.close()
        return chunks

    assert kit.spoken(kit.run(speak))
    assert (len(one.calls), len(other.calls)) == (2, 1)


def test_a_full_one_is_passed_over_without_a_rest_and_asked_again_soon(kit):
    one, other = kit.voice("one", max_sessions=1), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(one, other)
        first = await kit.opened(engine)
        second = await engine.open_session(SessionContext("second"))
        await kit.say(second)
        assert kit.spoken(await kit.say(first))
        assert (len(one.calls), one.asked) == (1, 2)
        one.opened.clear()
        await asyncio.sleep(2)
        await kit.say(second)
        await asyncio.gather(first.close(), second.close())
        states = engine.members.states()
        await engine.close()
        return states

    assert [state["state"] for state in kit.run(speak)] == ["ready", "ready"]
    assert len(one.calls) == 2
    assert len(other.calls) == 1


def test_one_that_keeps_a_conversation_waiting_while_it_serves_another_is_busy_and_not_broken(kit):
    one, other = kit.voice("one", [None, kit.hang]), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(kit.member(one, deadline_s=1.0), other)
        first = await kit.opened(engine)
        second = await engine.open_session(SessionContext("second"))
        long = asyncio.create_task(kit.say(first, ["This is a clause, ", "and another", " one"], every_ms=1000))
        await asyncio.sleep(1.5)
        await kit.say(second)
        states = engine.members.states()
        assert kit.spoken(await long)
        await asyncio.gather(first.close(), second.close())
        takeovers = engine.members.takeovers
        await engine.close()
        return states, takeovers

    states, takeovers = kit.run(speak)
    assert states[0]["state"] == "ready"
    assert [takeover["reason"] for takeover in takeovers] == ["timeout"]
    assert len(other.calls) == 1


def test_where_all_are_full_the_client_is_told(kit):
    async def speak():
        engine = kit.in_a_list(kit.voice("one", max_sessions=1), kit.voice("other", max_sessions=2))
        await engine.load()
        assert engine.max_sessions == 3
        for number in range(3):
            await engine.open_session(SessionContext(str(number)))
        with pytest.raises(EngineBusyError, match="other is full"):
            await engine.open_session(SessionContext("one too many"))
        await engine.close()

    kit.run(speak)


def test_each_is_told_its_own_parameters_and_one_that_refuses_them_later_is_left_out(kit):
    one, picky = kit.voice("one", [kit.broken]), kit.voice("picky", refusals=[ClientError("no such voice")])
    last = kit.voice("last")

    async def speak():
        engine = kit.in_a_list(kit.member(one, parameters=("speed",)), kit.member(picky, parameters=("tone",)), last)
        session = await kit.opened(engine, speed="2", tone="high", other="x")
        chunks = [await kit.say(session), await kit.say(session)]
        await session.close()
        states = engine.members.states()
        await engine.close()
        return chunks, states

    chunks, states = kit.run(speak)
    assert all(kit.spoken(reply) for reply in chunks)
    assert one.opened[0].parameters == {"speed": "2"}
    assert last.opened[0].parameters == {}
    assert picky.asked == 1
    assert states[1]["state"] == "ready"


def test_a_refused_parameter_is_the_clients_error(kit):
    one = kit.voice("one", refusals=[ClientError("no such thing")])

    async def speak():
        engine = kit.in_a_list(one, kit.voice("other"))
        await engine.load()
        with pytest.raises(ClientError):
            await engine.open_session(SessionContext("s"))
        states = engine.members.states()
        await engine.close()
        return states

    assert [state["state"] for state in kit.run(speak)] == ["ready", "ready"]


def test_an_error_of_the_text_is_nobodys_fault(kit):
    one, other = kit.voice("one"), kit.voice("other")

    async def broken_text():
        yield "Hello. "
        raise LookupError("the model died")

    async def speak():
        engine = kit.in_a_list(one, other)
        session = await kit.opened(engine)
        with pytest.raises(LookupError):
            [chunk async for chunk in session.synthesize(broken_text())]
        await session.close()
        states = engine.members.states()
        await engine.close()
        return states

    assert [state["state"] for state in kit.run(speak)] == ["ready", "ready"]
    assert other.calls == []


@pytest.mark.parametrize("fault", [[], ["hang"]])
def test_cancelling_closes_what_runs_and_blames_nobody(kit, fault):
    one, other = kit.voice("one", list(fault)), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(kit.member(one, deadline_s=30), other)
        session = await kit.opened(engine)
        task = asyncio.create_task(kit.say(session, every_ms=300))
        await asyncio.sleep(1)
        assert one.running == 1
        task.cancel()
        await asyncio.wait([task])
        assert one.running == 0
        states = engine.members.states()
        await session.close()
        await engine.close()
        return states

    assert [state["state"] for state in kit.run(speak)] == ["ready", "ready"]
    assert other.calls == []


def test_one_that_was_tried_by_a_call_that_was_cancelled_is_tried_again(kit):
    one, other = kit.voice("one", [kit.broken, kit.hang]), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(kit.member(one, deadline_s=30), other)
        session = await kit.opened(engine)
        await kit.say(session)
        await asyncio.sleep(2)
        task = asyncio.create_task(kit.say(session))
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        await kit.say(session)
        await session.close()
        await engine.close()

    kit.run(speak)
    assert len(one.calls) == 3
    assert len(other.calls) == 1


def test_a_pause_in_the_text_after_the_first_chunk_is_no_fault(kit):
    one, other = kit.voice("one"), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(one, other)
        session = await kit.opened(engine)
        chunks = await kit.say(session, ["One long clause, ", "two, ", "three"], every_ms=5000)
        await session.close()
        await engine.close()
        return chunks

    assert kit.spoken(kit.run(speak)) == "One long clause, two, three"
    assert other.calls == []


def test_cancelling_after_a_takeover_closes_what_runs(kit):
    one, other = kit.voice("one", [kit.broken]), kit.voice("other")

    async def speak():
        engine = kit.in_a_list(one, other)
        session = await kit.opened(engine)
        stream = session.synthesize(kit.written(every_ms=300))
        await anext(stream)
        assert other.running == 1
        await stream.aclose()
        assert other.running == 0
        await session.close()
        await engine.close()

    kit.run(speak)
