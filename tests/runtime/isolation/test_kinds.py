"""Engines of every kind behave in a worker process as they do here; the conformance suites show the rest."""

from __future__ import annotations

import asyncio

import pytest

from vivavoce.isolation import load_isolated
from vivavoce_api import (
    EngineBusyError,
    EngineError,
    EngineUnavailableError,
    Message,
    PredictsEndOfTurn,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsPrefix,
    no_progress,
)

pytestmark = pytest.mark.slow

MESSAGES = [
    Message("user", "What's the time?"),
    Message("assistant", "", (ToolCall("7", "clock", '{"city": "Ulm"}'),)),
    Message("tool", "ten past two ☂", tool_call_id="7"),
]
CLOCK = ToolSpec("clock", "Tells the time", {"type": "object", "properties": {"city": {"type": "string"}}})


def test_a_language_model_gets_all_messages_tools_and_parameters(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.MODEL) as engine:
            session = await kit.session(engine, url="http://example.org")
            said = [item async for item in session.generate(MESSAGES, [CLOCK])]
            assert said == [
                TextDelta("one {'url': 'http://example.org'}"),
                *(TextDelta(repr(message)) for message in MESSAGES),
                ToolCall("1", "clock", repr(CLOCK)),
                Usage(1, 2, 3),
            ]
            assert isinstance(session, PredictsEndOfTurn)
            assert not isinstance(session, WarmsPrefix)
            assert await session.end_of_turn_probability(MESSAGES) == pytest.approx(0.3)

    asyncio.run(scenario())


def test_a_message_above_the_limit_costs_that_call_alone(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.MODEL) as engine:
            session = await kit.session(engine)
            with pytest.raises(EngineError, match="is too long for a worker process"):
                [item async for item in session.generate([Message("user", "x" * (17 << 20))])]
            assert await session.end_of_turn_probability([]) == 0

    asyncio.run(scenario())


def test_a_tool(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.TOOL) as tool:
            assert tool.spec == ToolSpec("echo", "Says it again", {"type": "object"})
            assert await tool.call({"what": "hello"}) == "hello!"
            with pytest.raises(EngineError, match="KeyError"):
                await tool.call({})

    asyncio.run(scenario())


def test_errors_keep_their_class_words_and_whether_to_try_again(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.VOICE) as engine:
            session = await kit.session(engine)
            with pytest.raises(EngineError) as caught:
                await kit.say(session, "own")
            error = caught.value
            assert (type(error), error.message, error.fix, error.retryable) == (
                EngineError, "the voice is hoarse", "drink tea", True,
            )  # fmt: skip
            with pytest.raises(EngineError, match="tts 'faulty' failed: LookupError: no such phone") as caught:
                await kit.say(session, "bug")
            assert not caught.value.retryable
            assert await kit.say(session, "fine") == ["fine"]

    asyncio.run(scenario())


def test_an_engines_limit_of_sessions_holds_for_each_worker(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.VOICE, workers=2, max_sessions=2) as engine:
            assert engine.max_sessions == 4
            sessions = [await kit.session(engine) for _ in range(4)]
            assert len({(await kit.who(session))[0] for session in sessions}) == 2
            with pytest.raises(EngineBusyError, match="2 sessions are all"):
                await kit.session(engine)
            await sessions.pop().close()
            sessions.append(await kit.session(engine))
            first = await kit.who(sessions[0])
            assert [await kit.who(sessions[0]) for _ in range(3)] == [first] * 3

    asyncio.run(scenario())


def test_calls_go_to_a_free_worker_and_wait_for_one_with_a_bound(faulty, kit, monkeypatch):
    async def scenario():
        async with kit.loaded(faulty.SOLO, workers=2) as engine:
            sessions = [await kit.session(engine) for _ in range(3)]
            streams = [session.synthesize(kit.text("wait")) for session in sessions[:2]]
            workers = {(await anext(stream)).spans[0].text.split()[0] for stream in streams}
            assert len(workers) == 2
            with pytest.raises(EngineBusyError, match="all 2 of its worker processes served others") as caught:
                await kit.say(sessions[2], "one")
            assert caught.value.retryable
            monkeypatch.setattr(engine._pool, "_wait_s", 60)  # another process has to stop, and may take its time
            waiting = asyncio.create_task(kit.say(sessions[2], "one", "two"))
            await asyncio.sleep(0)
            await streams[0].aclose()
            assert await waiting == ["one", "two"]
            await streams[1].aclose()

    asyncio.run(scenario())


def test_a_closed_session_takes_no_calls(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.VOICE) as engine:
            session = await kit.session(engine)
            await session.close()
            with pytest.raises(EngineUnavailableError, match="the session was closed") as caught:
                await kit.say(session, "one")
            assert not caught.value.retryable

    asyncio.run(scenario())


def test_a_closed_engine_takes_no_calls(faulty, kit):
    async def scenario():
        async with kit.loaded(faulty.VOICE) as engine:
            session = await kit.session(engine)
            await engine.close()
            with pytest.raises(EngineUnavailableError, match="tts 'faulty' was closed") as caught:
                await kit.say(session, "one")
            assert not caught.value.retryable

    asyncio.run(scenario())


def test_progress_and_preparing_reach_the_user_once(faulty, kit, tmp_path, monkeypatch):
    monkeypatch.setenv("FAULTY_PREPARED", str(tmp_path / "prepared"))
    steps, others = [], kit.children()

    async def scenario():
        def progress(step, done=0, total=None):
            steps.append((step, done, total))

        options = faulty.FaultyOptions(workers=3)
        engine = await load_isolated(kit.entry(faulty.VOICE), options, "process", progress)
        await engine.close()

    asyncio.run(scenario())
    assert steps == [
        ("clearing the throat", 1, 3),
        ("starting 2 more worker processes", 0, None),
        *[("clearing the throat", 1, 3)] * 2,
    ]
    assert len((tmp_path / "prepared").read_text().splitlines()) == 1
    assert kit.children() <= others


def test_an_options_model_of_another_version_is_told_without_its_values(faulty, kit):
    class NewerOptions(faulty.FaultyOptions):
        api_key: str = ""

    async def scenario():
        with pytest.raises(Exception, match="does not take the options that were checked: api_key") as caught:
            await load_isolated(kit.entry(faulty.VOICE), NewerOptions(api_key="hush"), "process", no_progress)
        assert "hush" not in str(caught.value)

    asyncio.run(scenario())
