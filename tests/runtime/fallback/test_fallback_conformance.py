"""A list keeps the contract of one plugin: the conformance kit, over simulated engines of which the first may fail."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vivavoce.fallback.engine import FallbackEngine
from vivavoce.fallback.members import Member
from vivavoce_api import Catalog, Kind, Offer, Options, no_progress
from vivavoce_api.testing import (
    LanguageModelConformance,
    SpeechToTextConformance,
    TextToSpeechConformance,
    virtual_time_loop,
)


def offer_of_a_list(kind: Kind, *sections: dict[str, Any]) -> Offer:
    """An offer whose engine is a list of simulated ones, a section of the YAML for each."""
    entry = Catalog.installed().get(kind, "simulated")
    if entry is None:
        pytest.skip("pip install vivavoce-simulated")
    simulated = entry.offer

    def load(options: Options, progress: Any) -> FallbackEngine:
        members = [
            Member(str(index), simulated, 1.0, load=None, engine=simulated.load(simulated.options(**own), no_progress))  # type: ignore[arg-type]
            for index, own in enumerate(sections)
        ]
        return FallbackEngine(kind.value, members, max_turn_s=60)

    return Offer(kind, "list", "a list", Options, load, simulated.capabilities)


class Virtual:
    def make_loop(self) -> asyncio.AbstractEventLoop:
        return virtual_time_loop()


class TestTextToSpeech(Virtual, TextToSpeechConformance):
    min_ms_per_character = 60

    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.TEXT_TO_SPEECH, {"streams_text": True}, {})


class TestTextToSpeechWhereTheFirstFails(Virtual, TextToSpeechConformance):
    min_ms_per_character = 60

    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.TEXT_TO_SPEECH, {"fault": "start"}, {"streams_text": True})


class TestTextToSpeechWhereTheFirstFailsInTheMiddle(Virtual, TextToSpeechConformance):
    min_ms_per_character = 60

    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.TEXT_TO_SPEECH, {"fault": "middle"}, {"streams_text": True})


class TestLanguageModel(Virtual, LanguageModelConformance):
    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.LANGUAGE_MODEL, {}, {})


class TestLanguageModelWhereTheFirstFails(Virtual, LanguageModelConformance):
    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.LANGUAGE_MODEL, {"fault": "start"}, {})


class TestSpeechToText(Virtual, SpeechToTextConformance):
    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.SPEECH_TO_TEXT, {}, {})


class TestSpeechToTextWhereTheFirstFails(Virtual, SpeechToTextConformance):
    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.SPEECH_TO_TEXT, {"fault": "start"}, {})


class TestSpeechToTextWhereTheFirstHasNoPlace(Virtual, SpeechToTextConformance):
    def make_offer(self) -> Offer:
        return offer_of_a_list(Kind.SPEECH_TO_TEXT, {"fault": "busy"}, {})
