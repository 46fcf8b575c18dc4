"""Engines that do exactly as told, in a list, on virtual time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from vivavoce.fallback.engine import FallbackEngine
from vivavoce.fallback.members import Member
from vivavoce_api import (
    AudioChunk,
    EngineBusyError,
    EngineUnavailableError,
    Flush,
    Kind,
    LanguageModelCapabilities,
    Offer,
    Options,
    SessionContext,
    SpeechChunk,
    SpeechToTextCapabilities,
    SpokenSpan,
    TextDelta,
    TextToSpeechCapabilities,
    Transcript,
)
from vivavoce_api.testing import virtual_time_loop

BROKEN = EngineUnavailableError("it broke")
HANG = "hang"


def now_ms() -> float:
    return round(asyncio.get_running_loop().time() * 1000, 3)


@dataclass
class Engine:
    """`faults`: for each call in turn what goes wrong: None, HANG, an error, or (items given before it, error).

    What comes after the last does well. `refusals` are raised as sessions are opened.
    """

    name: str
    faults: list[Any] = field(default_factory=list)
    refusals: list[Exception] = field(default_factory=list)
    delay_ms: float = 100.0
    max_sessions: int | None = None
    asked: int = 0
    opened: list[Any] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)
    running: int = 0
    is_closed: bool = False

    async def open_session(self, context: Any) -> Any:
        self.asked += 1
        if self.refusals:
            raise self.refusals.pop(0)
        if self.max_sessions is not None and len(self.opened) >= self.max_sessions:
            raise EngineBusyError(f"{self.name} is full")
        self.opened.append(context)
        return self.session()

    def session(self) -> Any:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True

    async def carry_out(self, items: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """`items`, but for what goes wrong in this call."""
        self.calls.append(now_ms())
        fault = self.faults.pop(0) if self.faults else None
        count, error = fault if isinstance(fault, tuple) else (0, fault)
        self.running += 1
        try:
            if fault == HANG:
                await asyncio.Event().wait()
            if error is not None and count == 0:
                raise error
            async for item in items:
                yield item
                count -= 1
                if error is not None and count == 0:
                    raise error
        finally:
            self.running -= 1


@dataclass
class Session:
    engine: Any
    is_closed: bool = False

    async def close(self) -> None:
        self.is_closed = True


class VoiceSession(Session):
    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        async for chunk in self.engine.carry_out(self.engine.speak(text)):
            yield chunk


@dataclass
class Voice(Engine):
    """A word is two chunks of 100 ms, the first `delay_ms` after it is known. `spans`: words, clauses or none."""

    spans: str = "words"
    rate_hz: int = 16_000
    heard: list[str] = field(default_factory=list)

    def session(self) -> Any:
        return VoiceSession(self)

    async def speak(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        at_ms, buffer = 0.0, ""
        async for piece in text:
            self.heard.append(piece)
            buffer += piece
            *units, buffer = re.split("(?<=,)" if self.spans == "clauses" else " ", buffer)
            for unit in units:
                async for chunk in self._say(unit, at_ms):
                    yield chunk
                    at_ms += 100
        async for chunk in self._say(buffer, at_ms):
            yield chunk

    async def _say(self, unit: str, at_ms: float) -> AsyncIterator[SpeechChunk]:
        if not unit.strip():
            return
        if at_ms == 0.0:
            await asyncio.sleep(self.delay_ms / 1000)
        length = 2 * len(unit.split())
        span = SpokenSpan(unit.strip(), at_ms, at_ms + 100 * length)
        for index in range(length):
            audio = AudioChunk(bytes(2 * self.rate_hz // 10), self.rate_hz)
            yield SpeechChunk(audio, (span,) if index == 0 and self.spans != "none" else ())


class ModelSession(Session):
    async def generate(self, messages: Sequence[Any], tools: Sequence[Any] = ()) -> AsyncIterator[Any]:
        async for item in self.engine.carry_out(self.engine.write()):
            yield item

    async def warm(self, messages: Sequence[Any]) -> None:
        self.engine.warmed += 1


class PredictingSession(ModelSession):
    async def end_of_turn_probability(self, messages: Sequence[Any]) -> float:
        return self.engine.probability


@dataclass
class Model(Engine):
    """Says its name, twice. One with a `probability` can tell whether a turn is over."""

    probability: float | None = None
    warmed: int = 0

    def session(self) -> Any:
        return ModelSession(self) if self.probability is None else PredictingSession(self)

    async def write(self) -> AsyncIterator[TextDelta]:
        await asyncio.sleep(self.delay_ms / 1000)
        yield TextDelta(self.name)
        yield TextDelta(f" {self.name}")


class EarSession(Session):
    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        async for item in self.engine.carry_out(self.engine.listen(audio)):
            yield item


@dataclass
class Ear(Engine):
    """Its transcript is its name and how much it heard; `partials`: it answers flushes."""

    partials: bool = True
    end_of_turn: float | None = None
    flushes: int = 0

    def session(self) -> Any:
        return EarSession(self)

    async def listen(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        heard_ms = 0.0
        async for item in audio:
            if isinstance(item, AudioChunk):
                heard_ms += item.duration_ms
                continue
            self.flushes += 1
            if self.partials:
                await asyncio.sleep(self.delay_ms / 1000)
                yield Transcript(f"{self.name} {heard_ms:.0f}", heard_ms)
        await asyncio.sleep(self.delay_ms / 1000)
        yield Transcript(f"{self.name} {heard_ms:.0f}", heard_ms, final=True, end_of_turn=self.end_of_turn)


def offer(engine: Engine) -> Offer:
    kind, capabilities = {
        Voice: (Kind.TEXT_TO_SPEECH, lambda: TextToSpeechCapabilities(engine.rate_hz, spans=engine.spans)),  # type: ignore[attr-defined]
        Model: (Kind.LANGUAGE_MODEL, LanguageModelCapabilities),
        Ear: (Kind.SPEECH_TO_TEXT, lambda: SpeechToTextCapabilities(engine.partials)),  # type: ignore[attr-defined]
    }[type(engine)]
    return Offer(kind, engine.name, "a fake", Options, lambda options, progress: engine, capabilities())


def member(
    engine: Engine,
    load_errors: Sequence[Exception] = (),
    deadline_s: float = 1.0,
    parameters: tuple[str, ...] = (),
) -> Member:
    errors = list(load_errors)

    async def load() -> Engine:
        if errors:
            raise errors.pop(0)
        return engine

    return Member(engine.name, replace(offer(engine), session_parameters=parameters), deadline_s, load)


def in_a_list(*engines: Engine | Member, max_turn_s: float = 60) -> FallbackEngine:
    members = [one if isinstance(one, Member) else member(one) for one in engines]
    return FallbackEngine(members[0].offer.kind.value, members, max_turn_s)


TEXT = ["One", " two,", " three", " four", " five", " six."]


async def written(pieces: Sequence[str] = TEXT, every_ms: float = 0.0) -> AsyncIterator[str]:
    for piece in pieces:
        await asyncio.sleep(every_ms / 1000)
        yield piece


async def opened(engine: FallbackEngine, **parameters: str) -> Any:
    await engine.load()
    return await engine.open_session(SessionContext("s", parameters))


async def say(session: Any, pieces: Sequence[str] = TEXT, every_ms: float = 0.0) -> list[SpeechChunk]:
    return [chunk async for chunk in session.synthesize(written(pieces, every_ms))]


def spoken(chunks: Sequence[SpeechChunk]) -> str:
    return " ".join(span.text for chunk in chunks for span in chunk.spans)


def duration_ms(chunks: Sequence[SpeechChunk]) -> float:
    return sum(chunk.audio.duration_ms for chunk in chunks)


@dataclass
class Kit:
    """The names above, for tests in this folder: importlib mode has no import path between test files."""

    broken = BROKEN
    hang = HANG
    voice = Voice
    model = Model
    ear = Ear
    member = staticmethod(member)
    in_a_list = staticmethod(in_a_list)
    now_ms = staticmethod(now_ms)
    text = TEXT
    written = staticmethod(written)
    opened = staticmethod(opened)
    say = staticmethod(say)
    spoken = staticmethod(spoken)
    duration_ms = staticmethod(duration_ms)

    @staticmethod
    def run(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        """Run on virtual time; afterwards no task may be left."""

        async def all_of_it() -> Any:
            result = await work()
            assert asyncio.all_tasks() == {asyncio.current_task()}
            return result

        with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
            return runner.run(all_of_it())

    @classmethod
    def replies(
        cls, *engines: Engine | Member, count: int = 1, pause_s: float = 0.0, session_count: int = 1
    ) -> tuple[list[list[SpeechChunk]], FallbackEngine]:
        """The chunks of `count` replies, each in the session of its turn; and the engine, closed."""

        async def speak() -> tuple[list[list[SpeechChunk]], FallbackEngine]:
            engine = in_a_list(*engines)
            await engine.load()
            sessions: list[Any] = [await engine.open_session(SessionContext(str(n))) for n in range(session_count)]
            said = []
            for index in range(count):
                said.append(await say(sessions[index % session_count]))
                await asyncio.sleep(pause_s)
            for session in sessions:
                await session.close()
            await engine.close()
            return said, engine

        return cls.run(speak)


@pytest.fixture
def kit() -> Kit:
    return Kit()
