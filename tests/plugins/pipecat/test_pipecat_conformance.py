"""The conformance kit over this plugin's offers; providers are the local stand-in of `conftest.py`."""

from __future__ import annotations

from typing import ClassVar

import pytest

from vivavoce_api import Offer, Options
from vivavoce_api.testing import (
    HERE,
    IN_WORKER,
    LanguageModelConformance,
    SpeechToTextConformance,
    TextToSpeechConformance,
    TurnDetectorConformance,
    VoiceActivityConformance,
)


class TestSilero(VoiceActivityConformance):
    plugin = "silero"
    ways = (HERE, IN_WORKER)


class TestSmartTurn(TurnDetectorConformance):
    plugin = "smart-turn"
    ways = (HERE, IN_WORKER)


@pytest.mark.slow
class TestLanguageModel(LanguageModelConformance):
    plugin = "pipecat"
    options: ClassVar = {"service": "openai.OpenAILLMService"}
    stand_in_url: ClassVar[str] = ""

    def make_options(self, offer: Offer) -> Options:
        settings = {"base_url": f"http://{self.stand_in_url}/v1", "model": "stand-in"}
        return offer.options(service="openai.OpenAILLMService", api_key="not-a-key", settings=settings)


@pytest.mark.slow
class TestTextToSpeech(TextToSpeechConformance):
    plugin = "pipecat"
    options: ClassVar = {"service": "openai.OpenAITTSService"}
    stand_in_url: ClassVar[str] = ""

    def make_options(self, offer: Offer) -> Options:
        settings = {"base_url": f"http://{self.stand_in_url}/v1", "voice": "alloy"}
        return offer.options(service="openai.OpenAITTSService", api_key="not-a-key", settings=settings)


@pytest.mark.slow
class TestSegmentedSpeechToText(SpeechToTextConformance):
    plugin = "pipecat"
    options: ClassVar = {"service": "openai.OpenAISTTService"}
    stand_in_url: ClassVar[str] = ""

    def make_options(self, offer: Offer) -> Options:
        settings = {"base_url": f"http://{self.stand_in_url}/v1", "model": "stand-in"}
        return offer.options(service="openai.OpenAISTTService", api_key="not-a-key", settings=settings)


@pytest.mark.slow
class TestStreamingSpeechToText(SpeechToTextConformance):
    plugin = "pipecat"
    options: ClassVar = {"service": "cartesia.CartesiaSTTService"}
    stand_in_url: ClassVar[str] = ""

    def make_options(self, offer: Offer) -> Options:
        settings = {"base_url": f"ws://{self.stand_in_url}", "ttfs_p99_latency": 0.5}
        return offer.options(service="cartesia.CartesiaSTTService", api_key="not-a-key", settings=settings)
