"""The openvino plugin with its real model."""

import asyncio
import ctypes
import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import openvino
import pytest
from vivavoce_openvino.engine import OpenVinoEngine
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.plugin import load

from vivavoce_api import EngineError, EngineUnavailableError, Message, SessionContext, TextDelta, Usage, no_progress
from vivavoce_api.testing import LanguageModelConformance

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

SYSTEM = Message("system", "You are a friendly voice assistant. Answer in one short sentence, in plain words.")
FRANCE = [SYSTEM, Message("user", "What is the capital of France?")]
LONG = [SYSTEM, Message("user", "Count from one to one thousand in words.")]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def engine(runner: asyncio.Runner) -> Iterator[OpenVinoEngine]:
    engine = load(OpenVinoOptions(temperature=0, context_tokens=1024), no_progress)
    yield engine
    runner.run(engine.close())


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each pass through the model read, from now on."""
    read: list[int] = []
    infer = openvino.InferRequest.infer

    def counted(request: Any, inputs: Any) -> Any:
        read.append(inputs["input_ids"].shape[1])
        return infer(request, inputs)

    monkeypatch.setattr(openvino.InferRequest, "infer", counted)
    return read


async def ask(engine: OpenVinoEngine, *conversations: list[Message]) -> list[list[Any]]:
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


def test_text_comes_in_pieces_then_usage(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    ((*pieces, usage),) = runner.run(ask(engine, FRANCE))
    assert "Paris" in text_of(pieces)
    assert len(pieces) > 3
    assert all(isinstance(piece, TextDelta) for piece in pieces)
    assert isinstance(usage, Usage)
    assert usage.completion_tokens >= len(pieces)


def test_characters_of_several_tokens_come_whole(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    (reply,) = runner.run(ask(engine, [SYSTEM, Message("user", "Repeat exactly: 你好 👋🏽 café")]))
    assert "👋🏽" in text_of(reply)
    assert not any("\ufffd" in item.text for item in reply if isinstance(item, TextDelta))


def test_second_turn_reads_only_what_is_new(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
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
    assert second.cached_tokens >= first.prompt_tokens, "the whole first turn was read"
    assert second.cached_tokens < second.prompt_tokens


def test_what_was_read_before_does_not_change_the_reply(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    other = [SYSTEM, Message("user", "What is the capital of Austria, and what is it known for?")]
    (fresh,) = runner.run(ask(engine, FRANCE))
    *_, after_others = runner.run(ask(engine, other, LONG[:1] + other[1:], FRANCE))
    assert text_of(after_others) == text_of(fresh)


def test_requests_that_overlap_in_a_session_do_not_disturb_each_other(
    runner: asyncio.Runner, engine: OpenVinoEngine
) -> None:
    async def overlap() -> tuple[str, float]:
        session = await engine.open_session(SessionContext("overlap"))
        async with aclosing(session.generate(FRANCE)) as items:
            text = (await anext(items)).text
            asked = asyncio.create_task(session.end_of_turn_probability([SYSTEM, Message("user", "I live in " * 40)]))
            text += "".join([item.text async for item in items if isinstance(item, TextDelta)])
        probability = await asked
        await session.close()
        return text, probability

    text, probability = runner.run(overlap())
    assert text == text_of(runner.run(ask(engine, FRANCE))[0])
    assert probability < 0.1


def test_a_pass_that_failed_leaves_nothing_half_read(
    runner: asyncio.Runner, engine: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    infer = openvino.InferRequest.infer

    def fails_afterwards(request: Any, inputs: Any) -> Any:
        infer(request, inputs)
        raise RuntimeError("out of memory")

    async def fail_then_ask() -> str:
        session = await engine.open_session(SessionContext("failing"))
        await session.warm([SYSTEM])
        with monkeypatch.context() as patched:
            patched.setattr(openvino.InferRequest, "infer", fails_afterwards)
            with pytest.raises(EngineError, match="out of memory"):
                await session.warm(LONG)
        text = text_of([item async for item in session.generate(FRANCE)])
        await session.close()
        return text

    assert runner.run(fail_then_ask()) == text_of(runner.run(ask(engine, FRANCE))[0])


@pytest.mark.parametrize("how", ["close the iterator", "cancel the task", "close the session"])
def test_unwanted_reply_ends_with_the_step_that_runs(
    runner: asyncio.Runner, engine: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    steps = 0
    run = engine.run

    async def counted(*args: Any) -> Any:
        nonlocal steps
        steps += 1
        return await run(*args)

    monkeypatch.setattr(engine, "run", counted)

    async def interrupt() -> int:
        session = await engine.open_session(SessionContext("abort"))
        items = session.generate(LONG)
        await anext(items)
        if how == "close the iterator":
            await items.aclose()
        elif how == "cancel the task":
            rest = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            rest.cancel()
            await asyncio.wait([rest])
        else:
            rest = asyncio.ensure_future(anext(items))
            await asyncio.sleep(0)
            await session.close()
            with pytest.raises(EngineError, match="closed"):
                await rest
        before = steps
        await run(len, "")  # all that was asked for before has run now
        await asyncio.sleep(0.1)
        await items.aclose()
        await session.close()
        return steps - before

    assert runner.run(interrupt()) == 0
    assert "Paris" in text_of(runner.run(ask(engine, FRANCE))[0])


def test_end_of_turn_is_likelier_at_the_end(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    async def judge(text: str) -> float:
        session = await engine.open_session(SessionContext("end"))
        probability = await session.end_of_turn_probability([SYSTEM, Message("user", text)])
        await session.close()
        return probability

    assert runner.run(judge("What is the capital of France")) > 0.5
    assert runner.run(judge("What is the capital of France?")) == runner.run(judge("What is the capital of France"))
    assert runner.run(judge("What is the capital of")) < 0.1
    assert runner.run(judge("...")) == 0


def test_the_head_tells_ends_where_the_next_token_alone_is_doubtful(
    runner: asyncio.Runner, engine: OpenVinoEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sentences of the benchmark's that no head was fitted to: every third of its file."""
    path = Path(__file__).parents[3] / "benchmarks" / "turn_policy" / "utterances.tsv"
    lines = [line.split("\t")[-1].replace(" |", "") for line in path.read_text().splitlines()[3::3]]
    sentences = [line.split() for line in lines[:8]]
    ends = [(" ".join(words), True) for words in sentences]
    texts = ends + [(" ".join(words[:n]), False) for words in sentences for n in range(2, len(words), 2)]

    async def ranked() -> float:
        """How often an end is found likelier than another word."""
        session = await engine.open_session(SessionContext("ranking"))
        asked = [(await session.end_of_turn_probability([SYSTEM, Message("user", text)]), end) for text, end in texts]
        await session.close()
        ends, others = ([p for p, is_end in asked if is_end is which] for which in (True, False))
        return sum((end > other) + 0.5 * (end == other) for end in ends for other in others) / len(ends) / len(others)

    assert engine.head is not None
    by_head = runner.run(ranked())
    with monkeypatch.context() as patched:
        patched.setattr(engine, "head", None)
        by_token = runner.run(ranked())
    assert by_head > max(by_token, 0.9)


def test_asking_for_the_end_reads_all_that_the_reply_needs(
    runner: asyncio.Runner, engine: OpenVinoEngine, passes: list[int]
) -> None:
    said = [SYSTEM, Message("user", "Which city is the capital of France?")]

    async def ask_then_reply(opening: Sequence[int]) -> tuple[list[int], str, Usage]:
        engine.opening = opening
        session = await engine.open_session(SessionContext("end, then reply"))
        assert await session.end_of_turn_probability(said) > 0.3
        passes.clear()
        items = [item async for item in session.generate(said)]
        await session.close()
        return list(passes), text_of(items), items[-1]

    read, text, usage = runner.run(ask_then_reply(()))
    assert read == [1] * (usage.completion_tokens - 1), "no pass before the first token, then one for each"
    assert usage.cached_tokens == usage.prompt_tokens
    assert text == text_of(runner.run(ask(engine, said))[0])
    begins_alike = tuple(engine.opening)
    assert len(begins_alike) == 2
    assert runner.run(ask_then_reply(begins_alike))[:2] == ([1] * (usage.completion_tokens - 3), text)
    begins_otherwise = (begins_alike[0], begins_alike[0])
    assert runner.run(ask_then_reply(begins_otherwise))[:2] == ([1] * (usage.completion_tokens - 2), text)


def test_a_reply_without_asking_for_the_end_reads_the_opening_along(
    runner: asyncio.Runner, engine: OpenVinoEngine, passes: list[int]
) -> None:
    async def reply_after(opening: Sequence[int]) -> tuple[list[int], str, Usage]:
        engine.opening = opening
        session = await engine.open_session(SessionContext("reply at once"))
        await session.warm([SYSTEM])
        passes.clear()
        items = [item async for item in session.generate(FRANCE)]
        await session.close()
        return list(passes), text_of(items), items[-1]

    (first, *rest), text, usage = runner.run(reply_after(()))
    assert len(rest) == usage.completion_tokens - 1
    begins_alike = tuple(engine.opening)
    assert runner.run(reply_after(begins_alike))[:2] == ([first + 2, *rest[2:]], text)
    begins_otherwise = (begins_alike[1], begins_alike[0])
    assert runner.run(reply_after(begins_otherwise))[:2] == ([first + 2, *rest], text)


def test_too_long_a_conversation_is_refused_in_words(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    with pytest.raises(EngineError, match=r"too long for the embedded language model: \d+ tokens of 1024") as caught:
        runner.run(ask(engine, [SYSTEM, Message("user", "word " * 2000)]))
    assert "llm.context_tokens" in (caught.value.fix or "")


def test_a_reply_ends_where_the_context_does(runner: asyncio.Runner, engine: OpenVinoEngine) -> None:
    (reply,) = runner.run(ask(engine, [SYSTEM, Message("user", "word " * 970)]))
    assert reply[-1].prompt_tokens + reply[-1].completion_tokens <= 1024


def test_closed_engine_says_so() -> None:
    async def use_closed() -> None:
        engine = await asyncio.to_thread(load, OpenVinoOptions(context_tokens=256), no_progress)
        session = await engine.open_session(SessionContext("closed"))
        await engine.close()
        await engine.close()
        with pytest.raises(EngineUnavailableError, match="closed"):
            await session.warm([SYSTEM])

    asyncio.run(use_closed())


class SignalStack(ctypes.Structure):
    """`stack_t` of signal.h."""

    _fields_ = [("address", ctypes.c_void_p), ("flags", ctypes.c_int), ("size", ctypes.c_size_t)]

    @classmethod
    def of_this_thread(cls) -> tuple[int | None, int]:
        found = cls()
        assert ctypes.CDLL(None).sigaltstack(None, ctypes.byref(found)) == 0
        return found.address, found.size


@pytest.mark.skipif(sys.platform != "linux", reason="needs Linux: stack_t is laid out as it is there")
def test_the_thread_that_loads_keeps_its_stack_for_signals() -> None:
    before = SignalStack.of_this_thread()
    engine = load(OpenVinoOptions(context_tokens=256), no_progress)
    loaded = SignalStack.of_this_thread()
    asyncio.run(engine.close())
    del engine
    gc.collect()
    assert [loaded, SignalStack.of_this_thread()] == [before, before]


class TestOpenVinoConformance(LanguageModelConformance):
    """The kit, on the real model."""

    plugin = "openvino"
    options = {"temperature": 0, "context_tokens": 1024, "max_tokens": 60}  # noqa: RUF012 - never changed
    cancel_limit_ms = 300
