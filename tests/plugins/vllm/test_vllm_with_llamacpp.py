"""The vllm plugin against a real server: the one of the llamacpp plugin."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx2
import pytest
from vivavoce_vllm.engine import VllmEngine
from vivavoce_vllm.options import VllmOptions

from vivavoce_api import EngineError, Message, SessionContext, TextDelta, Usage, no_progress

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "Answer in one short sentence.")
FRANCE = [SYSTEM, Message("user", "What is the capital of France?")]
LONG = [SYSTEM, Message("user", "Count from one to one thousand in words.")]


@pytest.fixture(scope="module")
def address() -> Iterator[Any]:
    """Where the embedded server listens, and its key."""
    models = pytest.importorskip("vivavoce_llamacpp.models")
    from vivavoce_llamacpp.server_process import ServerProcess

    path = models.model_path(models.DEFAULT_MODEL, no_progress)
    settings = {"model": str(path), "threads": 2, "slots": 1, "context_tokens": 1024, "cache_ram_mib": 0}
    process = ServerProcess(settings, 180)
    process.start()
    yield process.address
    process.stop()


@pytest.fixture
def run(address: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Any], Coroutine[Any, Any, Any]]], Any]:
    """Run something with a session of the plugin."""
    monkeypatch.setenv("VLLM_API_KEY", address.api_key)

    async def whole(use: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        options = VllmOptions(base_url=address.url, temperature=0, first_token_timeout_s=120, token_timeout_s=60)
        engine = VllmEngine.from_options(options)
        try:
            return await use(await engine.open_session(SessionContext("s")))
        finally:
            await engine.close()

    return lambda use: asyncio.run(whole(use))


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


def test_closing_the_iterator_frees_the_servers_only_slot(run: Any, address: Any) -> None:
    async def interrupt(session: Any) -> None:
        items = session.generate(LONG)
        assert isinstance(await anext(items), TextDelta)
        await items.aclose()
        headers = {"Authorization": f"Bearer {address.api_key}"}
        async with httpx2.AsyncClient(headers=headers) as client, asyncio.timeout(10):
            slots = f"{address.url}/slots"
            while (await client.get(slots)).json()[0]["is_processing"]:  # noqa: ASYNC110 - it can only be asked
                await asyncio.sleep(0.05)

    run(interrupt)


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
