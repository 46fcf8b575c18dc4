"""What the YAML may say about a Pipecat service, and the words for what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from vivavoce_pipecat.options import ServiceOptions
from vivavoce_pipecat.recipe import Recipe, recipe

from vivavoce_api import ConfigurationError, Kind, PrerequisiteError

TTS, LLM, STT = Kind.TEXT_TO_SPEECH, Kind.LANGUAGE_MODEL, Kind.SPEECH_TO_TEXT
ELEVENLABS = "elevenlabs.ElevenLabsTTSService"


def made(kind: Kind, service: str, api_key: str | None = None, **settings: Any) -> Recipe:
    return recipe(kind, ServiceOptions.model_validate({"service": service, "api_key": api_key, "settings": settings}))


def test_settings_and_arguments_are_told_apart_and_converted() -> None:
    found = made(TTS, ELEVENLABS, "a-key", voice_id="Anna", speed="1.1", text_aggregation_mode="token")
    assert found.settings == {"voice": "Anna", "speed": 1.1}
    assert str(found.arguments["text_aggregation_mode"]) == "token"
    assert found.arguments["api_key"] == "a-key"


@pytest.mark.parametrize(
    ("kind", "service"),
    [
        (TTS, "rime.RimeTTSService"),
        (TTS, "elevenlabs.tts.ElevenLabsTTSService"),
        (TTS, "cartesia.CartesiaTTSService"),
        (STT, "gladia.GladiaSTTService"),
        (STT, "cartesia.turns.CartesiaTurnsSTTService"),
        (LLM, "groq.GroqLLMService"),
        (LLM, "openai.responses.OpenAIResponsesLLMService"),
    ],
)
def test_services_are_found_wherever_they_are(kind: Kind, service: str) -> None:
    assert made(kind, service, "a-key").name == service.rpartition(".")[2]


@pytest.mark.parametrize(
    ("kind", "service", "settings", "words"),
    [
        (TTS, ELEVENLABS, {"voise": "x"}, "unknown key 'voise'; did you mean 'voice'? Valid keys: "),
        (TTS, ELEVENLABS, {"speed": "fast"}, "settings: 'speed': Input should be a valid number"),
        (TTS, ELEVENLABS, {"api_key": "x"}, "unknown key 'api_key'"),
        (TTS, ELEVENLABS, {"aiohttp_session": 1}, "unknown key 'aiohttp_session'"),
        (TTS, "elevenlabs.ElevenLabsTTService", {}, "elevenlabs.ElevenLabsTTSService"),
        (TTS, "elevenlab.ElevenLabsTTSService", {}, "elevenlabs.ElevenLabsTTSService"),
        (TTS, "openai.OpenAILLMService", {}, "tts: 'openai.OpenAILLMService' is no TTSService"),
        (STT, "stt_service.STTService", {}, "is a base class"),
        (STT, "no.Such", {}, "pipecat-ai has no stt class 'no.Such'"),
        (TTS, "xtts.XTTSService", {}, "takes no api_key"),
    ],
)
def test_what_can_not_be_is_said_in_words(kind: Kind, service: str, settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        recipe(kind, ServiceOptions.model_validate({"service": service, "api_key": "a-key", "settings": settings}))
    assert words in str(error.value)


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="needs api_key"):
        made(TTS, ELEVENLABS)
    with pytest.raises(ConfigurationError, match="needs base_url"):
        made(TTS, "xtts.XTTSService", voice="x")


@pytest.mark.parametrize("service", ["os.system", "..os.path", "__init__.X", "elevenlabs/../../x.Y", "a b.C", "X"])
def test_names_lead_nowhere_else(service: str) -> None:
    with pytest.raises((ConfigurationError, ValueError)):
        made(TTS, service, "a-key")


def test_a_missing_extra_is_named_with_the_line_that_brings_it() -> None:
    with pytest.raises(PrerequisiteError) as error:
        made(STT, "deepgram.DeepgramSTTService", "a-key")
    assert error.value.fix == 'pip install "pipecat-ai[deepgram]"'


def test_secrets_are_never_shown() -> None:
    options = ServiceOptions.model_validate({"service": ELEVENLABS, "api_key": "s3cret-key"})
    assert "s3cret-key" not in repr(options)
    found = made(LLM, "openai.OpenAILLMService", "s3cret-key", default_headers={"X-Auth-Token": "t0ken-value"})
    assert found.scrub("s3cret-key and t0ken-value") == "*** and ***"
    with pytest.raises(ConfigurationError) as error:
        made(TTS, ELEVENLABS, "s3cret-key", speed="s3cret-speed")
    assert "s3cret" not in str(error.value)
