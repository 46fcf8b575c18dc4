"""Offers of this plugin. Nothing heavy is imported before one of them is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from vivavoce_api import (
    Kind,
    LanguageModelCapabilities,
    Offer,
    Progress,
    Requirements,
    SpeechToTextCapabilities,
    TextToSpeechCapabilities,
    TurnDetectorCapabilities,
    VoiceActivityCapabilities,
    hookimpl,
)
from vivavoce_pipecat import models
from vivavoce_pipecat.options import (
    ServiceOptions,
    SileroOptions,
    SmartTurnOptions,
    SpeechToTextServiceOptions,
    TransportOptions,
)
from vivavoce_pipecat.quiet import import_quietly
from vivavoce_pipecat.recipe import recipe

SERVICE_LICENCE = "BSD-2-Clause (pipecat-ai); the service's provider has terms of its own"


def _load_from(module: str) -> Callable[[Any, Progress], Any]:
    def load(options: Any, progress: Progress) -> Any:
        return import_module(f"vivavoce_pipecat.{module}").load(options, progress)

    return load


def _load_service_from(module: str) -> Callable[[Any, Progress], Any]:
    def load(options: Any, progress: Progress) -> Any:
        return import_quietly(f"vivavoce_pipecat.{module}").load(options, progress)

    return load


def _check_service(kind: Kind) -> Callable[[Any, Progress], None]:
    def prepare(options: Any, progress: Progress) -> None:
        recipe(kind, options)

    return prepare


@hookimpl
def vivavoce_speech_to_text() -> Iterable[Offer]:
    """Any Pipecat speech-to-text service."""
    return [
        Offer(
            kind=Kind.SPEECH_TO_TEXT,
            name="pipecat",
            summary="any speech-to-text service class that ships with pipecat-ai",
            options=SpeechToTextServiceOptions,
            prepare=_check_service(Kind.SPEECH_TO_TEXT),
            load=_load_service_from("speech_to_text"),
            capabilities=SpeechToTextCapabilities(partials=True),
            licence=SERVICE_LICENCE,
        )
    ]


@hookimpl
def vivavoce_language_model() -> Iterable[Offer]:
    """Any Pipecat language-model service."""
    return [
        Offer(
            kind=Kind.LANGUAGE_MODEL,
            name="pipecat",
            summary="any language-model service class that ships with pipecat-ai",
            options=ServiceOptions,
            prepare=_check_service(Kind.LANGUAGE_MODEL),
            load=_load_service_from("language_model"),
            capabilities=LanguageModelCapabilities(tools=True),
            licence=SERVICE_LICENCE,
        )
    ]


@hookimpl
def vivavoce_text_to_speech() -> Iterable[Offer]:
    """Any Pipecat text-to-speech service."""
    return [
        Offer(
            kind=Kind.TEXT_TO_SPEECH,
            name="pipecat",
            summary="any text-to-speech service class that ships with pipecat-ai",
            options=ServiceOptions,
            prepare=_check_service(Kind.TEXT_TO_SPEECH),
            load=_load_service_from("text_to_speech"),
            capabilities=TextToSpeechCapabilities(sample_rate_hz=24_000),
            licence=SERVICE_LICENCE,
        )
    ]


@hookimpl
def vivavoce_transport() -> Iterable[Offer]:
    """Any Pipecat transport that needs no web server of ours."""
    return [
        Offer(
            kind=Kind.TRANSPORT,
            name="pipecat",
            summary="a transport class that ships with pipecat-ai (WebSocket server, local audio, LiveKit, Daily, ...)",
            options=TransportOptions,
            load=_load_service_from("transport"),
            licence=SERVICE_LICENCE,
        )
    ]


@hookimpl
def vivavoce_voice_activity() -> Iterable[Offer]:
    """Silero."""
    return [
        Offer(
            kind=Kind.VOICE_ACTIVITY,
            name="silero",
            summary="Silero VAD, as pipecat-ai ships it; about 0.4 ms of CPU a 32 ms window",
            options=SileroOptions,
            load=_load_from("silero"),
            capabilities=VoiceActivityCapabilities(sample_rate_hz=16_000, window_samples=512),
            requirements=Requirements(weights=(models.SILERO,)),
        )
    ]


@hookimpl
def vivavoce_turn_detector() -> Iterable[Offer]:
    """Smart-turn."""
    return [
        Offer(
            kind=Kind.TURN_DETECTOR,
            name="smart-turn",
            summary="smart-turn v3.2, as pipecat-ai ships it: has the speaker finished, judged from the sound",
            options=SmartTurnOptions,
            load=_load_from("smart_turn"),
            capabilities=TurnDetectorCapabilities(sample_rate_hz=16_000, max_audio_ms=8_000),
            requirements=Requirements(weights=(models.SMART_TURN,)),
        )
    ]
