"""Streaming by clause, with a stand-in for the model; on virtual time."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from vivavoce_hibari.session import HibariSession, pause_after_ms

from vivavoce_api import EngineError
from vivavoce_api.testing import virtual_time_loop

RATE_HZ = 24_000
MS_PER_CHARACTER = 50
WORK_MS = 20


class StandIn:
    """Takes 20 ms a clause and gives 50 ms of sound a character."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def pcm_of(self, text: str) -> bytes:
        self.asked.append(text)
        await asyncio.sleep(WORK_MS / 1000)
        if "fail" in text:
            raise EngineError("could not speak")
        return b"\x00\x10" * (len(text) * MS_PER_CHARACTER * RATE_HZ // 1000)


def on_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        return runner.run(work)


async def written(pieces: list[str], every_ms: float = 0) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(every_ms / 1000)


def speak(pieces: list[str], every_ms: float = 0) -> list[tuple[float, Any]]:
    async def listen() -> list[tuple[float, Any]]:
        loop, session = asyncio.get_running_loop(), HibariSession(StandIn(), RATE_HZ)
        return [(round(loop.time() * 1000, 6), chunk) async for chunk in session.synthesize(written(pieces, every_ms))]

    return on_virtual_time(listen())


def spans(chunks: list[tuple[float, Any]]) -> list[tuple[str, float, float]]:
    return [(span.text, span.start_ms, span.end_ms) for _, chunk in chunks for span in chunk.spans]


def test_the_first_clause_leaves_before_the_sentence_is_complete() -> None:
    chunks = speak(["If you", " ask me,", " I", " would", " go."], every_ms=100)
    assert chunks[0][0] == 100 + WORK_MS
    assert spans(chunks)[0][0] == "If you ask me,"


def test_spans_are_exact_and_pauses_follow_the_punctuation() -> None:
    chunks = speak(["One two three. Four, five. Six"])
    assert spans(chunks) == [("One two three.", 0, 700), ("Four, five.", 950, 1500), ("Six", 1750, 1900)]
    assert sum(chunk.audio.duration_ms for _, chunk in chunks) == 1900


def test_time_that_the_text_was_late_counts_as_pause() -> None:
    chunks = speak(["One two. ", "Three."], every_ms=5000)
    assert spans(chunks) == [("One two.", 0, 400), ("Three.", 400, 700)]


def test_no_chunk_is_empty_or_longer_than_80_ms() -> None:
    lengths = [chunk.audio.duration_ms for _, chunk in speak(["One two three. Four"])]
    assert max(lengths) <= 80
    assert min(lengths) > 0


@pytest.mark.parametrize("text", ["😀", "你好。", "---\n***\n", "..."])
def test_text_without_anything_to_say_gives_nothing(text: str) -> None:
    assert speak([text]) == []


def test_unspeakable_text_goes_with_the_next_span() -> None:
    assert [text for text, _, _ in spans(speak(["😀!\nHello *you*.\n"]))] == ["😀!\nHello *you*."]


def test_an_error_of_the_engine_comes_after_what_it_could_say() -> None:
    heard = []

    async def listen() -> None:
        async for chunk in HibariSession(StandIn(), RATE_HZ).synthesize(written(["Good. ", "This will fail. "])):
            heard.append(chunk)  # noqa: PERF401 - kept when it raises

    with pytest.raises(EngineError, match="could not speak"):
        on_virtual_time(listen())
    assert heard


def test_closing_stops_reading_and_leaves_no_task() -> None:
    async def interrupt() -> tuple[int, int]:
        voice = StandIn()
        stream = HibariSession(voice, RATE_HZ).synthesize(written(["One more sentence. "] * 100))
        await anext(stream)
        await stream.aclose()
        asked = len(voice.asked)
        await asyncio.sleep(10)
        assert len(voice.asked) == asked
        return asked, len(asyncio.all_tasks())

    asked, tasks = on_virtual_time(interrupt())
    assert asked <= 2
    assert tasks == 1


def test_no_more_than_a_few_clauses_are_made_ahead() -> None:
    async def listen_slowly() -> int:
        voice = StandIn()
        stream = HibariSession(voice, RATE_HZ).synthesize(written(["One more sentence. "] * 100))
        await anext(stream)
        await asyncio.sleep(60)
        await stream.aclose()
        return len(voice.asked)

    assert on_virtual_time(listen_slowly()) <= 6


def test_a_closed_session_refuses() -> None:
    async def use_closed() -> None:
        session = HibariSession(StandIn(), RATE_HZ)
        await session.close()
        await anext(session.synthesize(written(["Hi."])))

    with pytest.raises(EngineError, match="closed"):
        on_virtual_time(use_closed())


@pytest.mark.parametrize(
    ("clause", "pause_ms"), [("Yes.", 250), ('"Yes?"', 250), ("**Yes!**", 250), ("well,", 120), ("a line", 180)]
)
def test_pauses(clause: str, pause_ms: float) -> None:
    assert pause_after_ms(clause) == pause_ms
