"""The simulated engines keep the contract; on virtual time."""

import asyncio
from pathlib import Path

import pytest

from vivavoce_api.testing import (
    IN_ENVIRONMENT,
    IN_WORKER,
    LanguageModelConformance,
    SpeechToTextConformance,
    TextToSpeechConformance,
    virtual_time_loop,
)

SCRIPT = Path(__file__).with_name("script.json")


class TestSpeechToText(SpeechToTextConformance):
    plugin = "simulated"

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return virtual_time_loop()


class TestScriptedSpeechToText(SpeechToTextConformance):
    plugin = "simulated"
    reference = "one two three"
    max_word_error_rate = 0.0

    options = {"script": str(SCRIPT), "pass_ms": 80}  # noqa: RUF012

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return virtual_time_loop()


class TestLanguageModel(LanguageModelConformance):
    plugin = "simulated"

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return virtual_time_loop()


class TestTextToSpeechByClause(TextToSpeechConformance):
    plugin = "simulated"
    min_ms_per_character = 60

    def make_loop(self) -> asyncio.AbstractEventLoop:
        return virtual_time_loop()


class TestTextToSpeechByWord(TestTextToSpeechByClause):
    test_limit_s = 600
    options = {"streams_text": True, "chunk_ms": 500, "real_time_factor": 0.5}  # noqa: RUF012


@pytest.mark.slow
class TestSpeechToTextInWorker(SpeechToTextConformance):
    """A worker takes real time, so that here and below the simulated times are short."""

    plugin = "simulated"
    ways = (IN_WORKER,)
    options = {"pass_ms": 5}  # noqa: RUF012


@pytest.mark.slow
class TestLanguageModelInWorker(LanguageModelConformance):
    plugin = "simulated"
    ways = (IN_WORKER, IN_ENVIRONMENT)


@pytest.mark.slow
class TestTextToSpeechInWorker(TextToSpeechConformance):
    plugin = "simulated"
    ways = (IN_WORKER,)
    options = {"streams_text": True, "real_time_factor": 0.02}  # noqa: RUF012
    min_ms_per_character = 60
