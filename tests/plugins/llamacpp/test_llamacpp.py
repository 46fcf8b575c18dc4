"""The llamacpp plugin with its real model."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx2
import pytest
from vivavoce_llamacpp.engine import LlamaCppEngine
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.plugin import load
from vivavoce_llamacpp.session import LlamaCppSession

from vivavoce_api import (
    EngineError,
    EngineUnavailableError,
    Message,
    SessionContext,
    TextDelta,
    Usage,
    no_progress,
)
from vivavoce_api.testing import LanguageModelConformance

pytestmark = pytest.mark.slow

SYSTEM = Message("system", "You are a friendly voice assistant. Answer in one short sentence, in plain words.")
FRANCE = [SYSTEM, Message("user", "What is the capital of France?")]
LONG = [SYSTEM, Message("user", "Count from one to one thousand in words.")]
RESTART_LIMIT_S = 90


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner: asyncio.Runner) -> Iterator[LlamaCppEngine]:
    engine = load(LlamaCppOptions(temperature=0, context_tokens=1024), no_progress)
    yield engine
    runner.run(engine.close())


async def ask(engine: LlamaCppEngine, *conversations: list[Message]) -> list[list[Any]]:
    """The replies to these conversations, in one session."""
    session = await engine.open_session(SessionContext("test"))
    try:
        replies = []
        for messages in conversations:
            async with aclosing(session.generate(messages)) as items:
                replies.append([item async for item in items])
        return replies
    finally:
        await session.close()


def text_of(reply: list[Any]) -> str:
    return "".join(item.text for item in reply if isinstance(item, TextDelta))


async def busy_slots(engine: LlamaCppEngine) -> list[int]:
    """The slots in which the server is working, by its own account."""
    address = engine._process.address
    async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {address.api_key}"}) as client:
        slots = (await client.get(f"{address.url}/slots")).json()
    return [slot["id"] for slot in slots if slot["is_processing"]]


async def reply_if_available(session: Any) -> list[Any]:
    """A reply, or nothing while the server is being started again."""
    try:
        return [item async for item in session.generate(FRANCE)]
    except EngineUnavailableError:
        return []


def test_text_comes_in_pieces_then_usage(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    ((*pieces, usage),) = runner.run(ask(engine, FRANCE))
    assert "Paris" in text_of(pieces)
    assert len(pieces) > 3
    assert all(isinstance(piece, TextDelta) for piece in pieces)
    assert isinstance(usage, Usage)
    assert usage.completion_tokens >= len(pieces)


def test_second_turn_finds_the_first_in_the_prompt_cache(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    async def talk() -> tuple[Usage, Usage]:
        session = await engine.open_session(SessionContext("cache"))
        await session.warm([SYSTEM])
        first = [item async for item in session.generate(FRANCE)]
        more = [*FRANCE, Message("assistant", text_of(first)), Message("user", "And of Italy?")]
        second = [item async for item in session.generate(more)]
        await session.close()
        return first[-1], second[-1]

    first, second = runner.run(talk())
    assert first.cached_tokens >= 15, "the system message was warmed"
    assert second.cached_tokens >= first.prompt_tokens, "the whole first turn is in the cache"
    assert second.cached_tokens < second.prompt_tokens


def test_sessions_keep_their_prompts_apart(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    async def alternate() -> Usage:
        one, two = [await engine.open_session(SessionContext(name)) for name in ("one", "two")]
        for session, place in ((one, "Rome"), (two, "Oslo")):
            await session.warm([SYSTEM, Message("user", f"I live in {place}. " * 20)])
        items = [item async for item in one.generate([SYSTEM, Message("user", "I live in Rome. " * 20)])]
        await one.close()
        await two.close()
        return items[-1]

    usage = runner.run(alternate())
    assert usage.prompt_tokens - usage.cached_tokens <= 2


@pytest.mark.parametrize("how", ["close the iterator", "cancel the task", "close the session"])
def test_unwanted_reply_is_aborted_at_the_server(runner: asyncio.Runner, engine: LlamaCppEngine, how: str) -> None:
    async def interrupt() -> list[int]:
        session = await engine.open_session(SessionContext("abort"))
        items = session.generate(LONG)
        await anext(items)
        assert await busy_slots(engine)
        if how == "close the iterator":
            await items.aclose()
        elif how == "cancel the task":
            rest = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            rest.cancel()
            await asyncio.wait([rest])
        else:
            await session.close()
        async with asyncio.timeout(10):
            while busy := await busy_slots(engine):  # noqa: ASYNC110 - the server can only be asked
                await asyncio.sleep(0.05)
        await items.aclose()
        await session.close()
        return busy

    assert runner.run(interrupt()) == []
    assert "Paris" in text_of(runner.run(ask(engine, FRANCE))[0])


def test_end_of_turn_is_likelier_at_the_end(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    async def judge(text: str) -> float:
        session = await engine.open_session(SessionContext("end"))
        probability = await session.end_of_turn_probability([SYSTEM, Message("user", text)])
        await session.close()
        return probability

    assert runner.run(judge("What is the capital of France")) > 0.5
    assert runner.run(judge("What is the capital of")) < 0.1
    assert runner.run(judge("...")) == 0


def test_a_model_that_only_judges_may_read_in_its_own_name(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    history = [SYSTEM, Message("user", "Hello"), Message("assistant", "Hello! Where do you live?")]

    async def judge(reads_user_as: str, text: str) -> float:
        options = LlamaCppOptions.model_validate({"reads_user_as": reads_user_as})
        session = LlamaCppSession(engine._client, options, None, [].append)
        probability = await session.end_of_turn_probability([*history, Message("user", text)])
        await session.close()
        return probability

    for name in ("user", "assistant"):
        assert runner.run(judge(name, "I live in Paris")) > 5 * runner.run(judge(name, "I live in"))
    assert runner.run(judge("user", "I live in Paris")) != runner.run(judge("assistant", "I live in Paris"))


def test_asking_for_the_end_reads_what_the_reply_needs(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    said = [SYSTEM, Message("user", "Which city is the capital of France, and how many people live in it")]

    async def ask_then_reply() -> Usage:
        session = await engine.open_session(SessionContext("end, then reply"))
        await session.end_of_turn_probability(said)
        items = [item async for item in session.generate(said)]
        await session.close()
        return items[-1]

    usage = runner.run(ask_then_reply())
    assert usage.prompt_tokens - usage.cached_tokens <= 6, "all but the marks that open the reply is in the cache"


def test_too_long_a_conversation_is_refused_in_words(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    with pytest.raises(
        EngineError, match=r"too long for the embedded language model: request \(\d+ tokens\)"
    ) as caught:
        runner.run(ask(engine, [SYSTEM, Message("user", "word " * 2000)]))
    assert "llm.context_tokens" in (caught.value.fix or "")


def test_killed_server_is_an_error_of_one_turn(runner: asyncio.Runner, engine: LlamaCppEngine) -> None:
    async def die_and_recover() -> tuple[int, str]:
        session = await engine.open_session(SessionContext("crash"))
        items = session.generate(LONG)
        await anext(items)
        killed = engine.server_pid
        assert killed is not None
        os.kill(killed, signal.SIGKILL)
        with pytest.raises(EngineUnavailableError, match="started again"):
            async for _ in items:
                pass
        async with asyncio.timeout(RESTART_LIMIT_S):
            while not (reply := await reply_if_available(session)):  # noqa: ASYNC110 - it can only be tried
                await asyncio.sleep(0.2)
        await session.close()
        return killed, text_of(reply)

    killed, text = runner.run(die_and_recover())
    assert "Paris" in text
    assert engine.server_pid not in (None, killed)
    assert not Path(f"/proc/{killed}").exists(), "the dead server was left as a zombie"


def test_nothing_is_left_after_close() -> None:
    async def open_and_close() -> int:
        engine = await asyncio.to_thread(load, LlamaCppOptions(slots=1, context_tokens=512), no_progress)
        pid = engine.server_pid
        assert pid is not None
        session = await engine.open_session(SessionContext("last"))
        items = session.generate(LONG)
        await anext(items)
        await engine.close()
        await items.aclose()
        with pytest.raises(EngineUnavailableError, match="stopped"):
            await anext(session.generate(FRANCE))
        await engine.close()
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(open_and_close()), 0)


PARENT = """
import sys
from vivavoce_api import no_progress
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.plugin import load
print(load(LlamaCppOptions(slots=1, context_tokens=512), no_progress).server_pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux: a pidfd tells of a process that isn't ours")
def test_server_ends_when_its_parent_is_killed() -> None:
    import select

    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        server = os.pidfd_open(int(parent.stdout.readline()))
        try:
            parent.kill()
            assert select.select([server], [], [], 30)[0], "the server outlived its parent"
        finally:
            os.close(server)


class TestLlamaCppConformance(LanguageModelConformance):
    """The conformance kit."""

    plugin = "llamacpp"
    options = {"temperature": 0, "context_tokens": 1024, "max_tokens": 60}  # noqa: RUF012 - never changed
    cancel_limit_ms = 300
