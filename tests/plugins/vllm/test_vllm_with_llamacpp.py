"""The vllm plugin against a real server: the one of the llamacpp plugin."""

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx2
import pytest
from vivavoce_vllm.engine import VllmEngine
from vivavoce_vllm.options import VllmOptions

from vivavoce_api import EngineError, Message, SessionContext, TextDelta, Usage, no_progress

LLAMACPP = "pip install 'vivavoce-llamacpp[weights]'"
pytestmark = pytest.mark.slow

SYSTEM = Message("system", "Answer in one short sentence.")
FRANCE = [SYSTEM, Message("user", "What is the capital of France?")]
LONG = [SYSTEM, Message("user", "Count from one to one thousand in words.")]


@pytest.fixture(scope="module")
def address() -> Iterator[Any]:
    """Where the embedded server listens, and its key."""
    models = pytest.importorskip("vivavoce_llamacpp.models", reason=LLAMACPP)
    from vivavoce_llamacpp.server_process import ServerProcess

    path = models.model_path(models.DEFAULT_MODEL, no_progress)
    settings = {"model": str(path), "threads": 2, "slots": 1, "context_tokens": 1024, "cache_ram_mib": 0}
    process = ServerProcess(settings, 180)
    process.start()
    yield process.address
    process.stop()


@pytest.fixture
def run(address: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run something with a session of the plugin."""
    monkeypatch.setenv("VLLM_API_KEY", address.api_key)

    async def whole(use: Callable[[Any], Coroutine[Any, Any, Any]], more: dict[str, Any]) -> Any:
        timeouts = {"first_token_timeout_s": 120, "token_timeout_s": 60}
        options = VllmOptions(base_url=address.url, temperature=0, **timeouts, **more)
        engine = VllmEngine.from_options(options)
        try:
            return await use(await engine.open_session(SessionContext("s")))
        finally:
            await engine.close()

    return lambda use, **more: asyncio.run(whole(use, more))


async def reply(session: Any, messages: list[Message]) -> list[Any]:
    return [item async for item in session.generate(messages)]


def test_reply_and_usage(run: Any) -> None:
    async def warm_and_ask(session: Any) -> list[Any]:
        await session.warm(FRANCE)
        return await reply(session, FRANCE)

    *text, usage = run(warm_and_ask)
    assert "Paris" in "".join(item.text for item in text)
    assert isinstance(usage, Usage)
    assert usage.cached_tokens >= usage.prompt_tokens - 2, "the prefix was warmed"


async def slot(address: Any, *, busy: bool) -> dict[str, Any]:
    """The server's only slot, once it works or does nothing."""
    headers = {"Authorization": f"Bearer {address.api_key}"}
    async with httpx2.AsyncClient(headers=headers) as client, asyncio.timeout(120):
        while True:
            found = (await client.get(f"{address.url}/slots")).json()[0]
            if found["is_processing"] == busy:
                return found
            await asyncio.sleep(0.02)


async def by_closing_the_iterator(session: Any, address: Any) -> None:
    items = session.generate(LONG)
    assert isinstance(await anext(items), TextDelta)
    await items.aclose()


async def by_cancelling_the_task(session: Any, address: Any) -> None:
    task = asyncio.create_task(reply(session, LONG))
    await slot(address, busy=True)
    await asyncio.sleep(0.2)
    task.cancel()
    await asyncio.wait([task])


async def before_the_first_word(session: Any, address: Any) -> None:
    # llama.cpp reads a prompt to its end whatever happens, and looks then whether anybody is still there.
    task = asyncio.create_task(reply(session, [SYSTEM, Message("user", "Count. " * 20)]))
    await slot(address, busy=True)
    task.cancel()
    await asyncio.wait([task])


async def by_closing_the_session(session: Any, address: Any) -> None:
    items = session.generate(LONG)
    await anext(items)
    await session.close()


@pytest.mark.parametrize(
    "abort", [by_closing_the_iterator, by_cancelling_the_task, before_the_first_word, by_closing_the_session]
)
def test_what_nobody_waits_for_is_aborted_at_the_server(run: Any, address: Any, abort: Any) -> None:
    async def interrupt(session: Any) -> None:
        await abort(session, address)
        # What the slot still holds: the prompt, and what was generated. Where nothing stops it, 512 tokens are.
        assert (await slot(address, busy=False))["n_prompt_tokens"] < 200

    run(interrupt, extra_body={"ignore_eos": True})


def test_conversation_longer_than_the_context_is_answered_without_its_middle(run: Any) -> None:
    long_ago = [Message("user", "well " * 1200), Message("assistant", "I see.")]
    history = [SYSTEM, *long_ago, *FRANCE[1:]]
    *text, usage = run(lambda session: reply(session, history))
    assert "Paris" in "".join(item.text for item in text)
    assert usage.prompt_tokens < 100


def test_server_is_waited_for_and_its_model_checked(address: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VLLM_API_KEY", address.api_key)
    model = asyncio.run(VllmOptions(base_url=address.url).wait_for_server(within_s=30))
    assert model
    with pytest.raises(EngineError, match=f"has no model 'another'; it has '{re.escape(model)}'"):
        asyncio.run(VllmOptions(base_url=address.url, model="another").wait_for_server(within_s=30))
    monkeypatch.setenv("VLLM_API_KEY", "another")
    with pytest.raises(EngineError, match="refuses the API key"):
        asyncio.run(VllmOptions(base_url=address.url).wait_for_server(within_s=30))


def test_end_of_turn(run: Any) -> None:
    async def judge(session: Any) -> tuple[float, float]:
        whole = await session.end_of_turn_probability(FRANCE)
        return whole, await session.end_of_turn_probability([SYSTEM, Message("user", "What is the capital of")])

    whole, part = run(judge)
    assert whole > 0.5
    assert part < 0.1


def test_errors_of_a_real_server(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(EngineError, match="too long for the model"):
        run(lambda session: reply(session, [Message("user", "word " * 2000)]))
    monkeypatch.setenv("VLLM_API_KEY", "another")
    with pytest.raises(EngineError, match="refuses the API key"):
        run(lambda session: reply(session, FRANCE))
