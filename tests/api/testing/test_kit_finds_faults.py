"""The conformance kit fails for engines that break the contract; on virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from vivavoce_api import (
    AudioChunk,
    EngineError,
    Kind,
    LanguageModelCapabilities,
    Offer,
    Options,
    SpeechChunk,
    SpeechToTextCapabilities,
    SpokenSpan,
    TextDelta,
    TextToSpeechCapabilities,
    Transcript,
    Usage,
)
from vivavoce_api.testing import (
    EngineConformance,
    LanguageModelConformance,
    SpeechToTextConformance,
    TextToSpeechConformance,
    virtual_time_loop,
)
from vivavoce_api.testing.engine import loaded_engine

RATE_HZ = 8_000


class Session:
    """A session whose one streaming method is `stream`."""

    def __init__(self, stream: Callable[..., AsyncIterator[Any]]) -> None:
        self.synthesize = self.generate = self.transcribe = stream

    async def close(self) -> None: ...


class Engine:
    max_sessions = None

    def __init__(self, stream: Callable[..., AsyncIterator[Any]]) -> None:
        self._stream = stream

    async def open_session(self, context: Any) -> Session:
        return Session(self._stream)

    async def close(self) -> None: ...


def check(base: type[EngineConformance], capabilities: Any, stream: Callable[..., Any], test: str, *args: Any) -> None:
    """Run one test of the kit against an engine that streams so."""

    class Subject(base):  # type: ignore[misc, valid-type]
        def make_offer(self) -> Offer:
            return Offer(base.kind, "faulty", "For tests", Options, lambda *_: Engine(stream), capabilities)

        def make_loop(self) -> asyncio.AbstractEventLoop:
            return virtual_time_loop()

    subject = Subject()
    with loaded_engine(subject, []) as loaded:
        getattr(subject, test)(loaded, *args)


def chunk(pcm: bytes = b"\x00\x20\x00\xe0" * 400, rate_hz: int = RATE_HZ, text: str | None = None) -> SpeechChunk:
    audio = AudioChunk(pcm, rate_hz)
    return SpeechChunk(audio, () if text is None else (SpokenSpan(text, 0, audio.duration_ms),))


async def whole(text: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in text])


async def good_voice(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    said = await whole(text)
    if said.strip():
        yield chunk(text=said)


async def empty_chunk(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(text=await whole(text))
    yield chunk(b"")


async def two_rates(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(text=await whole(text))
    yield chunk(rate_hz=16_000)


async def long_chunk(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(b"\x00\x20" * RATE_HZ, text=await whole(text))


async def inaudible(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(bytes(800), text=await whole(text))


async def drops_text(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(text=(await whole(text))[:-3])


async def always_speaks(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    yield chunk(text=await whole(text))


async def swallows_errors(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    try:
        yield chunk(text=await whole(text))
    except LookupError:
        return


async def slow_to_stop(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
    try:
        yield chunk(text=await anext(text))
        await asyncio.sleep(100)
    finally:
        await asyncio.sleep(1)


VOICE = TextToSpeechCapabilities(RATE_HZ, spans="clauses")


def test_a_good_voice_passes() -> None:
    check(TextToSpeechConformance, VOICE, good_voice, "test_speaks")
    check(TextToSpeechConformance, VOICE, good_voice, "test_empty_text_gives_nothing", ["", " "])
    with pytest.raises(LookupError):
        check(TextToSpeechConformance, VOICE, broken_stream, "test_speaks")


async def broken_stream(*_: Any) -> AsyncIterator[Any]:
    raise LookupError("not an error of the tree")
    yield


@pytest.mark.parametrize(
    ("stream", "test", "args"),
    [
        (empty_chunk, "test_speaks", ()),
        (two_rates, "test_speaks", ()),
        (long_chunk, "test_speaks", ()),
        (inaudible, "test_speaks", ()),
        (drops_text, "test_speaks", ()),
        (always_speaks, "test_empty_text_gives_nothing", ([""],)),
        (good_voice, "test_5000_characters", ()),
        (slow_to_stop, "test_barge_in", (True, False)),
        (slow_to_stop, "test_barge_in", (False, True)),
        (slow_to_stop, "test_closing_the_session_ends_what_runs", ()),
    ],
)
def test_faulty_voices_fail(stream: Callable[..., Any], test: str, args: tuple[Any, ...]) -> None:
    with pytest.raises(AssertionError):
        check(TextToSpeechConformance, VOICE, stream, test, *args)


def test_a_voice_that_waits_for_the_whole_text_fails() -> None:
    with pytest.raises(TimeoutError):
        check(TextToSpeechConformance, VOICE, good_voice, "test_first_sentence_sounds_before_the_text_has_ended")


def test_a_voice_that_swallows_the_models_error_fails() -> None:
    test = "test_an_error_of_the_text_comes_through"
    with pytest.raises(pytest.fail.Exception):
        check(TextToSpeechConformance, VOICE, swallows_errors, test)


async def two_finals(audio: AsyncIterator[Any]) -> AsyncIterator[Transcript]:
    ms = sum([item.duration_ms async for item in audio])
    yield Transcript("a", ms, final=True)
    yield Transcript("a", ms, final=True)


async def no_final(audio: AsyncIterator[Any]) -> AsyncIterator[Transcript]:
    yield Transcript("a", sum([item.duration_ms async for item in audio]))


async def backwards(audio: AsyncIterator[Any]) -> AsyncIterator[Transcript]:
    ms = sum([item.duration_ms async for item in audio])
    yield Transcript("a", ms + 1)
    yield Transcript("a", ms, final=True)


async def more_than_sure(audio: AsyncIterator[Any]) -> AsyncIterator[Transcript]:
    yield Transcript("a", sum([item.duration_ms async for item in audio]), final=True, end_of_turn=1.2)


@pytest.mark.parametrize("stream", [two_finals, no_final, backwards, more_than_sure])
def test_transcripts_out_of_order_fail(stream: Callable[..., Any]) -> None:
    capabilities = SpeechToTextCapabilities(partials=True)
    with pytest.raises(AssertionError):
        check(SpeechToTextConformance, capabilities, stream, "test_one_final_covers_the_whole_utterance")


async def usage_first(*_: Any) -> AsyncIterator[Any]:
    yield Usage(1, 1)
    yield TextDelta("Hello")


async def mute(*_: Any) -> AsyncIterator[Any]:
    yield Usage(1, 0)


async def same_for_all(*_: Any) -> AsyncIterator[Any]:
    yield TextDelta("violin apple")


@pytest.mark.parametrize(
    ("stream", "test"),
    [
        (usage_first, "test_streams_text_and_ends_with_usage"),
        (mute, "test_streams_text_and_ends_with_usage"),
        (same_for_all, "test_two_sessions_at_once_do_not_mix"),
    ],
)
def test_faulty_language_models_fail(stream: Callable[..., Any], test: str) -> None:
    with pytest.raises(AssertionError):
        check(LanguageModelConformance, LanguageModelCapabilities(), stream, test)


def test_a_plugin_that_is_not_installed_is_named() -> None:
    class Missing(TextToSpeechConformance):
        plugin = "no-such-plugin"

    with pytest.raises(AssertionError, match="no tts plugin 'no-such-plugin' is installed"):
        Missing().make_offer()


def test_options_without_description_fail() -> None:
    class Bare(Options):
        speed: float = 1.0

    class Subject(TextToSpeechConformance):
        def make_offer(self) -> Offer:
            return Offer(Kind.TEXT_TO_SPEECH, "bare", "For tests", Bare, lambda *_: None, VOICE)

    with pytest.raises(AssertionError, match="speed"):
        Subject().test_every_option_is_described()


def test_errors_of_the_tree_are_taken_as_an_end() -> None:
    closed = asyncio.Event()

    async def ends_with_error(text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        await asyncio.sleep(0.2)
        closed.set()
        raise EngineError("the session was closed")
        yield

    check(TextToSpeechConformance, VOICE, ends_with_error, "test_closing_the_session_ends_what_runs")
    assert closed.is_set()
