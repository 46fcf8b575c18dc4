"""The engine around a generator that asks for text as VoXtream does, and makes a chunk of each phone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator

import numpy as np
import pytest
from vivavoce_voxtream.configuration import CHUNK_SAMPLES, LAST_CHUNK
from vivavoce_voxtream.engine import Voxtream
from vivavoce_voxtream.feed import PHONES_AHEAD
from vivavoce_voxtream.narrator import Narrator
from vivavoce_voxtream.sample import VoiceSample

from vivavoce_api import (
    ClientError,
    EngineBusyError,
    EngineError,
    EngineUnavailableError,
    SessionContext,
    SpeechChunk,
)

LOOK_AHEAD = 3
ANNA = VoiceSample.of(np.full(100, 0.1, np.float32), 24_000)
BOB = VoiceSample.of(np.full(100, 0.2, np.float32), 24_000)


class PhoneByPhone:
    """A letter is a phone, a phone is a chunk; the rest is the loop of voxtream's `generate_stream`."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.armed = threading.Event()
        self.ahead: list[int] = []
        self.fails_at = ""
        self.silent = False

    def phones_in(self, word: str) -> int:
        return sum(character.isalpha() for character in word)

    def begin(self) -> None:
        self.log.append("begin")

    def speak(self, voice: VoiceSample, text: Iterator[str | None]) -> Generator[tuple[bytes, int], None, None]:
        self.log.append("anna" if voice.key == ANNA.key else "bob")
        phones = 0
        more = True
        sound = np.full(CHUNK_SAMPLES, 1000, "<i2").tobytes()
        for step in range(LAST_CHUNK + 1):
            while more:
                if step == 0:
                    self.armed.set()
                try:
                    word = next(text)
                except StopIteration:
                    more = False
                else:
                    phones += self._heard(word)
                if phones - step >= LOOK_AHEAD:
                    break
            if self.silent:
                return
            self.ahead.append(phones - step)
            if step:
                yield sound, step + 1
            if step >= phones:
                return

    def _heard(self, word: str | None) -> int:
        if word is None:
            return 0
        self.log.append(word)
        if word == self.fails_at:
            raise RuntimeError("out of paper")
        return self.phones_in(word)


Work = Callable[[Voxtream, PhoneByPhone], Awaitable[None]]


def with_engine(work: Work) -> None:
    """Do `work` with an engine, and with the generator behind it."""

    async def run() -> None:
        synthesizer = PhoneByPhone()
        narrator = Narrator(lambda: synthesizer, ANNA)
        await asyncio.to_thread(narrator.start)
        engine = Voxtream(narrator, lambda name: {"": ANNA, "bob": BOB}[name])
        try:
            await asyncio.wait_for(work(engine, synthesizer), 60)
        finally:
            await engine.close()
            await engine.close()

    asyncio.run(run())


async def text(*pieces: str, then_wait: bool = False) -> AsyncIterator[str]:
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
    if then_wait:
        await asyncio.Event().wait()


async def say(engine: Voxtream, *pieces: str, **parameters: str) -> list[SpeechChunk]:
    session = await engine.open_session(SessionContext("one", parameters))
    chunks = [chunk async for chunk in session.synthesize(text(*pieces))]
    await session.close()
    return chunks


def spoken(chunks: list[SpeechChunk]) -> str:
    return " ".join(span.text for chunk in chunks for span in chunk.spans)


def test_it_is_armed_before_the_first_word_and_again_after_the_last():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        assert await asyncio.to_thread(synthesizer.armed.wait, 10)
        assert synthesizer.log == ["anna"]
        synthesizer.armed.clear()
        await say(engine, "Good morning.")
        assert await asyncio.to_thread(synthesizer.armed.wait, 10)
        assert synthesizer.log == ["anna", "begin", "Good", "morning.", "anna"]

    with_engine(work)


def test_words_are_timed():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        chunks = await say(engine, "Good ", "morn", "ing, my friend.")
        spans = [span for chunk in chunks for span in chunk.spans]
        assert [span.text for span in spans] == ["Good", "morning,", "my", "friend."]
        starts = [span.start_ms for span in spans]
        assert starts == sorted(starts)
        assert starts[1] - starts[0] == pytest.approx(4 * 80, abs=160)
        assert all(0 <= span.start_ms <= span.end_ms <= len(chunks) * 80 for span in spans)
        assert {chunk.audio.duration_ms for chunk in chunks} == {80}

    with_engine(work)


def test_a_word_is_spoken_before_the_text_goes_on():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("Good morning ", then_wait=True))
        assert (await anext(stream)).audio.samples == CHUNK_SAMPLES
        await stream.aclose()

    with_engine(work)


def test_nothing_to_say_makes_no_sound():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        assert await say(engine) == await say(engine, " ", "...", " 😀 ") == []
        assert "begin" not in synthesizer.log
        assert spoken(await say(engine, "... Hello — there 😀 you")) == "... Hello — there 😀 you"

    with_engine(work)


def test_words_are_handed_over_shortly_before_they_are_spoken():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        await say(engine, "lorem ipsum dolor sit amet " * 20)
        assert LOOK_AHEAD <= max(synthesizer.ahead) <= PHONES_AHEAD + len("lorem")
        assert min(synthesizer.ahead[:-20]) >= LOOK_AHEAD

    with_engine(work)


@pytest.mark.parametrize(
    ("unit", "end"),
    [("The quick brown fox jumps. ", "."), ("the quick brown fox jumps, ", ","), ("the quick brown fox jumps ", "")],
    ids=["sentences", "clauses", "words"],
)
def test_a_long_reply_is_spoken_in_several_generations_without_losing_or_doubling_a_word(unit, end):
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        wanted = (unit * 100).strip()
        chunks = await say(engine, wanted)
        assert spoken(chunks) == wanted
        spans = [span for chunk in chunks for span in chunk.spans]
        assert [span.start_ms for span in spans] == sorted(span.start_ms for span in spans)
        assert spans[-1].end_ms <= len(chunks) * 80
        generations = " ".join(synthesizer.log).split("anna begin ")[1:]
        assert len(generations) > 2
        assert all(len(generation.replace(" ", "")) < LAST_CHUNK for generation in generations)
        assert all(generation.strip().endswith(end) for generation in generations[:-1])

    with_engine(work)


def test_what_the_generator_left_unspoken_is_said_by_the_next(monkeypatch):
    monkeypatch.setattr("vivavoce_voxtream.feed.END_AT_SENTENCE", 10_000)
    monkeypatch.setattr("vivavoce_voxtream.feed.END_AT_CLAUSE", 10_000)
    monkeypatch.setattr("vivavoce_voxtream.feed.END_AT_WORD", 10_000)

    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        wanted = ("A sentence of some words. " * 60).strip()
        chunks = await say(engine, wanted)
        assert len(chunks) > LAST_CHUNK
        assert spoken(chunks) == wanted

    with_engine(work)


@pytest.mark.parametrize("after_chunks", [0, 3])
def test_an_interruption_ends_the_generation_and_the_next_reply_is_whole(after_chunks):
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("Once upon a time there was ", then_wait=True))
        for _ in range(after_chunks):
            await anext(stream)
        if not after_chunks:
            waiting = asyncio.ensure_future(anext(session.synthesize(text("I ", then_wait=True))))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await asyncio.wait([waiting])
        await stream.aclose()
        assert spoken([chunk async for chunk in session.synthesize(text("Yes, of course."))]) == "Yes, of course."
        assert spoken(await say(engine, "No.")) == "No."
        assert "anna begin Yes, of course. anna begin No." in " ".join(synthesizer.log)

    with_engine(work)


def test_a_slow_listener_holds_the_generator():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("lorem ipsum dolor sit amet " * 40))
        await anext(stream)
        await asyncio.sleep(0.2)
        assert len(synthesizer.ahead) < 35
        rest = [chunk async for chunk in stream]
        assert len(rest) > 500

    with_engine(work)


def test_a_failure_is_the_error_of_one_reply():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        synthesizer.fails_at = "paper"
        with pytest.raises(EngineError, match="out of paper"):
            await say(engine, "Here is some paper for you")
        assert spoken(await say(engine, "And here is more.")) == "And here is more."

    with_engine(work)


def test_a_generator_that_falls_silent_is_an_error_and_not_asked_for_ever():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        synthesizer.silent = True
        with pytest.raises(EngineError, match="silent"):
            await say(engine, "Say something")

    with_engine(work)


def test_voices_take_turns():
    async def work(engine: Voxtream, synthesizer: PhoneByPhone) -> None:
        assert spoken(await say(engine, "I am Bob.", voice="bob")) == "I am Bob."
        assert spoken(await say(engine, "And I am Anna.")) == "And I am Anna."
        assert spoken(await say(engine, "Still Anna.")) == "Still Anna."  # so it was armed again after the second
        assert [word for word in synthesizer.log if word in ("anna", "bob")][:5] == [
            "anna",
            "bob",
            "bob",
            "anna",
            "anna",
        ]

    with_engine(work)


def test_a_second_reply_waits_for_the_first():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        first, second = await asyncio.gather(say(engine, "One two three."), say(engine, "Four five six."))
        assert (spoken(first), spoken(second)) == ("One two three.", "Four five six.")

    with_engine(work)


def test_it_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr("vivavoce_voxtream.engine.WAIT_S", 0.2)

    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("Let me think ", then_wait=True))
        await anext(stream)
        with pytest.raises(EngineBusyError, match="busy with another conversation"):
            await say(engine, "Hello?")
        await stream.aclose()

    with_engine(work)


def test_closing_a_session_ends_its_reply():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("Let me think ", then_wait=True))
        await anext(stream)
        await session.close()
        with pytest.raises(EngineError, match="session was closed"):
            async for _chunk in stream:
                pass
        with pytest.raises(EngineError, match="session was closed"):
            await anext(session.synthesize(text("More")))

    with_engine(work)


def test_closing_the_engine_ends_what_runs_and_what_waits():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        session = await engine.open_session(SessionContext("one"))
        stream = session.synthesize(text("lorem ipsum dolor sit amet " * 40))
        await anext(stream)  # and read no further: the generator waits for its listener
        waiting = asyncio.ensure_future(say(engine, "Hello?"))
        await asyncio.sleep(0)
        await engine.close()
        with pytest.raises(EngineUnavailableError):
            async for _chunk in stream:
                pass
        with pytest.raises(EngineUnavailableError):
            await waiting

    with_engine(work)


def test_a_closed_engine_opens_no_session():
    async def work(engine: Voxtream, _: PhoneByPhone) -> None:
        await engine.close()
        with pytest.raises(EngineUnavailableError):
            await engine.open_session(SessionContext("one"))

    with_engine(work)


def test_what_fails_while_it_is_built_comes_out_of_start():
    def build() -> PhoneByPhone:
        raise ClientError("no paper")

    narrator = Narrator(build, ANNA)
    with pytest.raises(ClientError, match="no paper"):
        narrator.start()
    narrator.close()
