"""The vllm plugin against a stand-in server."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from math import exp
from typing import Any

import pytest
from vivavoce_vllm.engine import VllmEngine
from vivavoce_vllm.failures import ContextOverflow
from vivavoce_vllm.options import VllmOptions

from vivavoce_api import (
    ClientError,
    ConfigurationError,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    Message,
    PredictsEndOfTurn,
    SessionContext,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
)
from vivavoce_api.testing import LanguageModelConformance

MESSAGES = [Message("system", "Be brief."), Message("user", "good morning")]
LONG = [Message("user", "Count on and on")]
CLOCK = ToolSpec("clock", "Tell the time", {"type": "object", "properties": {}})


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VLLM_URL", "VLLM_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def run(stand_in: Any, use: Callable[[Any], Coroutine[Any, Any, Any]], parameters: Any = None, **options: Any) -> Any:
    """Open one session with the stand-in, `use` it, close all."""

    async def whole() -> Any:
        engine = VllmEngine.from_options(VllmOptions(**{"base_url": stand_in.url, "retries": 0, **options}))
        try:
            session = await engine.open_session(SessionContext("s", parameters or {}))
            result = await use(session)
            await session.close()
            return result
        finally:
            await engine.close()

    return asyncio.run(asyncio.wait_for(whole(), 30))


async def reply(session: Any) -> list[Any]:
    async with aclosing(session.generate(MESSAGES)) as items:
        return [item async for item in items]


def test_text_is_streamed_and_usage_comes_last(stand_in: Any) -> None:
    *text, usage = run(stand_in, reply, model="good")
    assert [item.text for item in text] == ["You ", "said: ", "good ", "morning "]
    assert usage == Usage(20, 7, 16)


def test_request_holds_what_the_yaml_says(stand_in: Any) -> None:
    run(stand_in, reply, model="good", temperature=0.5, top_p=0.9, max_tokens=99, extra_body={"top_k": 20})
    body = stand_in.chats()[-1].body
    assert (body["temperature"], body["top_p"], body["max_tokens"], body["top_k"]) == (0.5, 0.9, 99, 20)
    assert body["stream_options"] == {"include_usage": True}
    assert body["messages"] == [{"role": m.role, "content": m.content} for m in MESSAGES]
    assert "tools" not in body


def test_model_is_asked_for_once_where_not_named(stand_in: Any) -> None:
    async def twice(session: Any) -> None:
        await reply(session)
        await reply(session)

    run(stand_in, twice)
    assert [request.path for request in stand_in.requests].count("/v1/models") == 1
    assert stand_in.chats()[0].body["model"] == "good"


def test_connection_is_used_again(stand_in: Any) -> None:
    async def thrice(session: Any) -> int:
        await reply(session)
        before = stand_in.connections
        await reply(session)
        await session.warm(MESSAGES)
        return stand_in.connections - before

    assert run(stand_in, thrice, model="good") == 0


def test_tool_calls_are_joined(stand_in: Any) -> None:
    assert run(stand_in, reply, model="tools")[:-1] == [
        ToolCall("id-0", "weather", '{"city":"Oslo"}'),
        ToolCall("id-1", "clock", "{}"),
    ]


def test_tools_and_their_results_are_sent(stand_in: Any) -> None:
    call = ToolCall("id-0", "clock", "{}")
    messages = [*MESSAGES, Message("assistant", "", (call,)), Message("tool", "noon", tool_call_id="id-0")]

    async def with_tools(session: Any) -> None:
        async with aclosing(session.generate(messages, [CLOCK])) as items:
            assert [item async for item in items]
        await session.warm(MESSAGES)

    run(stand_in, with_tools, model="good")
    body, warming = (request.body for request in stand_in.chats())
    assert body["messages"][2]["tool_calls"] == [
        {"id": "id-0", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    ]
    assert body["messages"][3] == {"role": "tool", "content": "noon", "tool_call_id": "id-0"}
    assert body["tools"][0]["function"]["name"] == "clock"
    assert warming["tools"] == body["tools"], "another prefix would be warmed"


@pytest.mark.parametrize(
    ("model", "kind", "words"),
    [
        ("401", EngineError, "wants an API key"),
        ("404", EngineError, "has no model '404'; it has 'good'"),
        ("429", EngineBusyError, "429"),
        ("500", EngineError, "out of memory"),
        ("503", EngineUnavailableError, "not ready"),
        ("overflow", ContextOverflow, "too long for the model"),
        ("bad", EngineError, "temperature is wrong"),
        ("redirect", EngineError, "redirects"),
        ("html", EngineError, "in the middle"),
        ("garbage", EngineError, "something else"),
        ("odd", EngineError, "something else"),
        ("says-error", EngineError, "CUDA error"),
        ("cut-short", EngineError, "in the middle"),
        ("dies", EngineUnavailableError, "broke off"),
        ("dies-early", EngineUnavailableError, "broke off"),
        ("silent", EngineTimeoutError, "no words in 0.1 s"),
        ("role-only", EngineTimeoutError, "no words in 0.1 s"),
        ("stalls", EngineTimeoutError, "in the middle"),
    ],
)
def test_errors_have_their_kind_and_words(stand_in: Any, model: str, kind: type[EngineError], words: str) -> None:
    timeouts = {
        "token_timeout_s": 0.1 if model == "stalls" else 10,
        "first_token_timeout_s": 0.1 if model in ("silent", "role-only") else 10,
    }
    with pytest.raises(EngineError, match=words) as caught:
        run(stand_in, reply, model=model, **timeouts)
    assert type(caught.value) is kind
    assert (
        stand_in.url.removeprefix("http://") in caught.value.message or "something else" in words or "middle" in words
    )
    assert "/elsewhere" not in [request.path for request in stand_in.requests]


def test_server_that_is_down_is_named_with_a_fix() -> None:
    class Nobody:
        url = "http://127.0.0.1:9"  # the discard port: nothing listens there

    with pytest.raises(EngineUnavailableError, match=r"http://127\.0\.0\.1:9/v1 can't be reached") as caught:
        run(Nobody(), reply, model="good", retries=1)
    assert caught.value.retryable
    assert "vllm serve" in (caught.value.fix or "")


def test_error_never_shows_the_key(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", "secret-key")
    with pytest.raises(EngineError) as caught:
        run(stand_in, reply, model="401")
    assert "secret-key" not in str(caught.value)
    assert "export VLLM_API_KEY" in str(caught.value)


def test_key_is_sent_to_the_yamls_server_alone(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_KEY", "secret-key")
    monkeypatch.setenv("OPENAI_ORG_ID", "my-organization")
    run(stand_in, reply, model="good", api_key_env="OTHER_KEY")
    options = {"model": "good", "api_key_env": "OTHER_KEY", "allowed_hosts": ["127.0.0.1"]}
    run(stand_in, reply, {"vllm_url": stand_in.url}, **{**options, "base_url": "http://elsewhere:8000"})
    own, chosen = (request.headers for request in stand_in.chats())
    assert own["authorization"] == "Bearer secret-key"
    assert "authorization" not in chosen
    assert "openai-organization" not in {**own, **chosen}


def test_the_agents_own_server_needs_no_leave(stand_in: Any) -> None:
    run(stand_in, reply, {"vllm_url": stand_in.url}, allowed_hosts=["gpu"])
    assert stand_in.requests


def test_host_that_is_not_allowed_is_never_contacted(stand_in: Any) -> None:
    with pytest.raises(ClientError, match="does not allow"):
        run(stand_in, reply, {"vllm_url": stand_in.url}, base_url="http://elsewhere:8000", allowed_hosts=["gpu"])
    assert not stand_in.requests


def test_conversation_that_is_too_long_is_sent_once_more_without_its_middle(stand_in: Any) -> None:
    def turn(number: int) -> list[Message]:
        return [Message("user", f"question {number}"), Message("assistant", f"answer {number}")]

    history = [MESSAGES[0], *(message for number in range(10) for message in turn(number))]

    async def talk(session: Any) -> None:
        for number in (10, 11):
            messages = [*history, *(turn(10) if number == 11 else []), Message("user", f"question {number}")]
            async with aclosing(session.generate(messages)) as items:
                assert [item async for item in items]
        await session.warm(messages)

    run(stand_in, talk, model="fits-12")
    sent = [[one["content"] for one in request.body["messages"]] for request in stand_in.chats()]
    assert [len(one) for one in sent] == [22, 10, 12, 12], "the second turn is cut without being refused"
    assert sent[1][:2] == ["Be brief.", "question 6"]
    assert sent[1][-1] == "question 10"
    assert sent[2][:10] == sent[1], "the server finds its prefix again"
    assert sent[3] == sent[2]


def test_conversation_that_stays_too_long_is_refused_after_one_more_try(stand_in: Any) -> None:
    async def talk(session: Any) -> None:
        messages = [*MESSAGES, Message("assistant", "Yes?"), Message("user", "and so on")]
        async with aclosing(session.generate(messages)) as items:
            assert [item async for item in items]

    with pytest.raises(ContextOverflow):
        run(stand_in, talk, model="overflow")
    assert [len(request.body["messages"]) for request in stand_in.chats()] == [4, 2]


def test_request_is_repeated_before_the_first_word(stand_in: Any) -> None:
    stand_in.failures_left = 2
    assert run(stand_in, reply, model="good", retries=2)
    assert len(stand_in.chats()) == 3


@pytest.mark.parametrize(("model", "requests"), [("dies-early", 3), ("dies", 1), ("404", 1), ("stalls", 1)])
def test_only_what_may_help_is_repeated(stand_in: Any, model: str, requests: int) -> None:
    with pytest.raises(EngineError):
        run(stand_in, reply, model=model, retries=2, token_timeout_s=0.1)
    assert len(stand_in.chats()) == requests


def test_closing_the_iterator_aborts_at_the_server(stand_in: Any) -> None:
    async def interrupt(session: Any) -> bool:
        items = session.generate(LONG)
        assert isinstance(await anext(items), TextDelta)
        await items.aclose()
        return await asyncio.to_thread(stand_in.aborted.wait, 10)

    assert run(stand_in, interrupt, model="good")


@pytest.mark.parametrize("model", ["good", "silent"])
def test_cancelling_aborts_at_the_server(stand_in: Any, model: str) -> None:
    async def consume(session: Any) -> None:
        async for _ in session.generate(LONG):
            pass

    async def interrupt(session: Any) -> bool:
        task = asyncio.create_task(consume(session))
        assert await asyncio.to_thread(stand_in.chatted.wait, 10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await asyncio.to_thread(stand_in.aborted.wait, 10)

    assert run(stand_in, interrupt, model=model)


def test_closing_the_session_aborts_a_reply_that_nobody_reads(stand_in: Any) -> None:
    async def leave(session: Any) -> bool:
        items = session.generate(LONG)
        await anext(items)
        await session.close()
        aborted = await asyncio.to_thread(stand_in.aborted.wait, 10)
        with pytest.raises(EngineError, match="closed"):
            await anext(items)
        with pytest.raises(EngineError, match="closed"):
            await reply(session)
        return aborted

    assert run(stand_in, leave, model="good")


def test_end_of_turn_is_the_sum_of_what_ends_a_message(stand_in: Any) -> None:
    async def ask(session: Any) -> float:
        assert await session.end_of_turn_probability([Message("user", " ... ")]) == 0
        return await session.end_of_turn_probability([*MESSAGES[:1], Message("user", "Good morning, all. ")])

    assert run(stand_in, ask, model="good") == pytest.approx(exp(-0.5) + exp(-2) + exp(-4))
    (request,) = stand_in.chats()
    assert request.body["messages"][-1]["content"] == "Good morning, all"
    assert request.body["continue_final_message"] is True
    assert request.body["add_generation_prompt"] is False
    assert (request.body["max_tokens"], request.body["top_logprobs"]) == (1, 20)


def test_both_extras_can_be_switched_off(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        assert not isinstance(session, PredictsEndOfTurn)
        await session.warm(MESSAGES)

    run(stand_in, use, model="good", warm_prefix=False, predict_end_of_turn=False)
    assert not stand_in.requests


def test_server_comes_from_the_environment_at_load(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="no model server"):
        VllmEngine.from_options(VllmOptions())
    monkeypatch.setenv("VLLM_URL", "not a url")
    with pytest.raises(ConfigurationError, match="VLLM_URL must"):
        VllmEngine.from_options(VllmOptions())
    monkeypatch.setenv("VLLM_URL", stand_in.url)
    assert run(stand_in, reply, base_url=None, model="good")


@pytest.fixture(scope="class")
def served_options(request: pytest.FixtureRequest, stand_in_server: Any) -> None:
    request.cls.options = {"base_url": stand_in_server.url, "model": "good"}


@pytest.mark.usefixtures("served_options")
class TestVllmConformance(LanguageModelConformance):
    """The conformance kit, the server being the stand-in."""

    plugin = "vllm"
