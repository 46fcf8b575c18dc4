"""The measurements, on simulated engines and virtual time: what comes out is what was put in."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import pytest

from vivavoce.bench import Clip
from vivavoce.bench.engines import measure_hearing, measure_model, measure_voice
from vivavoce.bench.engines.material import QUESTION
from vivavoce.bench.engines.model import ask
from vivavoce.bench.engines.voice import speak
from vivavoce_api import (
    AudioChunk,
    EngineBusyError,
    EngineError,
    Flush,
    Generated,
    Message,
    SessionContext,
    SpeechChunk,
    TextDelta,
    ToolSpec,
    Transcript,
    Usage,
)
from vivavoce_api.testing import virtual_time_loop

T = TypeVar("T")
RATE_HZ = 24_000


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        return runner.run(asyncio.wait_for(work, 10_000))


class Engine:
    """Opens sessions of one kind, at most so many at once."""

    def __init__(self, session: Callable[[], Any], max_sessions: int | None = None) -> None:
        self._session = session
        self.max_sessions = max_sessions
        self.open = 0

    async def open_session(self, context: SessionContext) -> Any:
        if self.open == self.max_sessions:
            raise EngineBusyError(f"all {self.open} places are taken")
        self.open += 1
        session = self._session()
        session.engine = self
        return session

    async def close(self) -> None:
        assert self.open == 0


class Session:
    engine: Engine

    async def close(self) -> None:
        self.engine.open -= 1


class Voice(Session):
    """Waits for the second piece of text, or the end, then gives a silent chunk and nine loud ones of 80 ms.

    The first takes 100 ms, each later one 40 ms, but the fifth 200 ms.
    """

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        await anext(text)
        await anext(text, "")
        silence, sound = AudioChunk.silence(80, RATE_HZ), AudioChunk(b"\x00\x20" * 1920, RATE_HZ)
        for took_ms in (100, 40, 40, 40, 200, 40, 40, 40, 40, 40):
            await asyncio.sleep(took_ms / 1000)
            yield SpeechChunk(silence if took_ms == 100 else sound)


def no_progress(label: str, done: int, total: int) -> None:
    assert 0 <= done <= total


def test_the_clock_of_a_voice_starts_at_the_first_word() -> None:
    spoken = run(speak(Voice(), "Hello there, you.", 10.0))
    assert spoken.first_chunk_ms == pytest.approx(200)  # the second piece comes 100 ms after the first
    assert spoken.first_audible_ms == pytest.approx(280)  # the silent chunk is played first
    assert spoken.last_chunk_ms == pytest.approx(200 + 8 * 40 + 200)
    assert spoken.audio_ms == pytest.approx(800)
    assert max(spoken.gaps_ms) == pytest.approx(200)
    assert spoken.underruns == 0  # the first four chunks last just until the fifth comes
    assert spoken.gaps_ms == pytest.approx([40, 40, 40, 200, 40, 40, 40, 40, 40])


def test_a_hole_in_the_sound_is_an_underrun() -> None:
    class Halting(Session):
        async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
            for pause_ms in (10, 80, 90, 200):
                await asyncio.sleep(pause_ms / 1000)
                yield SpeechChunk(AudioChunk.silence(80, RATE_HZ))

    spoken = run(speak(Halting(), "Hello.", 0.0))
    assert spoken.underruns == 2
    assert math.isnan(spoken.first_audible_ms)


def test_streams_of_a_voice() -> None:
    engine = Engine(Voice, max_sessions=2)
    one, two, three = run(measure_voice(engine, [1, 2, 3], 4, 10.0, no_progress))
    assert one.figures["first_chunk_ms"] == pytest.approx(200)
    assert one.figures["whole_text_first_chunk_ms"] == pytest.approx(100)
    assert one.figures["real_time_factor"] == pytest.approx(620 / 800)
    assert one.figures["underruns_per_reply"] == 0
    assert (one.suffix, two.suffix) == ("", "_2_streams")
    assert (two.label, two.failures) == ("2 streams", ())
    assert (three.figures, three.failures) == ({}, ("all 2 places are taken",))
    assert engine.open == 0


def test_a_text_at_once_is_measured_once() -> None:
    (line,) = run(measure_voice(Engine(Voice), [1], 2, 0.0, no_progress))
    assert line.figures["first_chunk_ms"] == line.figures["whole_text_first_chunk_ms"] == pytest.approx(100)


def test_failures_are_counted_and_a_voice_that_never_speaks_is_an_error() -> None:
    class Fitful(Session):
        calls = 0

        async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
            Fitful.calls += 1
            if Fitful.calls % 2 == 0:
                raise EngineError("no breath")
            yield SpeechChunk(AudioChunk.silence(80, RATE_HZ))

    (line,) = run(measure_voice(Engine(Fitful), [1], 4, 0.0, no_progress))
    assert line.failures == ("no breath", "no breath")

    class Mute(Session):
        async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
            return
            yield

    engine = Engine(Mute)
    with pytest.raises(EngineError, match="no sound came"):
        run(measure_voice(engine, [1], 1, 0.0, no_progress))
    assert engine.open == 0


class Ear(Session):
    """Takes 150 ms after the end of the sound, and hears the same each time."""

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        heard_ms = 0.0
        async for item in audio:
            assert isinstance(item, AudioChunk)
            assert item.sample_rate_hz == 16_000
            heard_ms += item.duration_ms
            yield Transcript("word0", heard_ms)
        await asyncio.sleep(0.15)
        yield Transcript("word0 word1 nonsense word3", heard_ms, final=True)


def test_hearing_is_timed_from_the_last_voiced_sample(make_clip: Callable[..., Clip]) -> None:
    began: list[float] = []

    class Timed(Ear):
        async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
            began.append(asyncio.get_running_loop().time())
            async for transcript in super().transcribe(audio):
                if transcript.final:
                    assert transcript.audio_ms == pytest.approx(make_clip(4).voiced_until_ms, abs=0.1)
                yield transcript

    one, three = run(measure_hearing(Engine(Timed), [make_clip(4)], [1, 3], 2, no_progress))
    assert one.figures["final_p50_ms"] == pytest.approx(150)
    assert one.figures["word_error_rate"] == pytest.approx(1 / 4)
    assert (three.label, three.suffix) == ("3 sessions", "_3_sessions")
    assert len(began) == 1 + 2 + 6
    assert len(set(began[3:])) == 6  # not in step


def test_recordings_without_a_text_have_no_word_error_rate(make_clip: Callable[..., Clip]) -> None:
    from dataclasses import replace

    from vivavoce.bench.clips import placeholder, spread_words

    clip = make_clip(4)
    words = spread_words(placeholder(clip.voiced_until_ms - clip.voiced_from_ms), 0, 1000)
    (line,) = run(measure_hearing(Engine(Ear), [replace(clip, words=tuple(words))], [1], 1, no_progress))
    assert math.isnan(line.figures["word_error_rate"])


class Model(Session):
    """Reads 1,000 words a second of what it hasn't read yet; a session remembers one conversation."""

    def __init__(self) -> None:
        self.read: list[str] = []

    async def _read(self, messages: Sequence[Message]) -> None:
        words = [word for message in messages for word in message.content.split()]
        known = 0
        while known < min(len(words), len(self.read)) and words[known] == self.read[known]:
            known += 1
        await asyncio.sleep((len(words) - known) / 1000)
        self.read = words

    async def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        await self._read(messages)
        for token in ("", "Well", " I", " think", " so,", " yes", "."):
            await asyncio.sleep(0.02)
            yield TextDelta(token)
        yield Usage(len(self.read), 6)


class ModelThatWarms(Model):
    async def warm(self, messages: Sequence[Message]) -> None:
        await self._read(messages)


@pytest.mark.parametrize("model", [Model, ModelThatWarms])
def test_a_cold_model_reads_all_and_a_warm_one_the_last_message(model: type[Model]) -> None:
    none, four = run(measure_model(Engine(model), "Be kind.", [0, 4], [1], 3, no_progress))
    new_words = len(QUESTION.split())
    assert none.figures["cold_first_token_ms"] == pytest.approx(new_words + 3 + 40)  # a mark and two instructions
    assert four.figures["cold_first_token_ms"] > none.figures["cold_first_token_ms"] + 50
    for line in (none, four):
        assert line.figures["warm_first_token_ms"] == pytest.approx(new_words + 40)
        first_token_ms, first_clause_ms = line.figures["warm_first_token_ms"], line.figures["warm_first_clause_ms"]
        assert first_clause_ms - first_token_ms == pytest.approx(60)  # "Well I think so,", 3 tokens later
        assert line.figures["tokens_per_s"] == pytest.approx(50)
    assert four.suffix == "_4_exchanges"
    assert four.figures["prompt_tokens"] > none.figures["prompt_tokens"] + 50


def test_a_reply_without_a_clause_can_be_spoken_at_its_end_and_a_long_one_is_cut_off() -> None:
    closed: list[bool] = []

    class Endless(Session):
        async def generate(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
        ) -> AsyncIterator[Generated]:
            try:
                while True:
                    await asyncio.sleep(0.01)
                    yield TextDelta("a")
            finally:
                closed.append(True)

    answered = run(ask(Endless(), [Message("user", "Hello?")], max_pieces=20))
    assert answered.first_clause_ms == pytest.approx(200)
    assert answered.tokens_per_s == pytest.approx(100)
    assert closed == [True]


def test_a_reply_of_one_token_has_no_rate() -> None:
    class Terse(Session):
        async def generate(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
        ) -> AsyncIterator[Generated]:
            yield TextDelta("Y")
            await asyncio.sleep(0.01)
            yield TextDelta("es")
            yield Usage(1, 1)

    (line,) = run(measure_model(Engine(Terse), "Be kind.", [0], [1], 1, no_progress))
    assert math.isnan(line.figures["tokens_per_s"])
    assert line.figures["cold_first_clause_ms"] == pytest.approx(10)


def test_an_empty_reply_is_a_failure() -> None:
    class Silent(Session):
        async def generate(
            self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
        ) -> AsyncIterator[Generated]:
            yield Usage(1, 0)

    with pytest.raises(EngineError, match="empty"):
        run(ask(Silent(), [Message("user", "Hello?")]))
