"""VoXtream keeps the contract, in a worker process of its own environment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from vivavoce_api.testing import LoadedEngine, TextToSpeechConformance
from vivavoce_api.testing.plugin import REPORT

VOICE = Path(__file__).parents[2] / "data/speech/common_voice_en_1205005.wav"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
class TestVoxtream(TextToSpeechConformance):
    plugin = "voxtream"
    options = {"voice": VOICE, "model": "random-tiny", "seed": 7}  # noqa: RUF012 - as the kit declares it
    test_limit_s = 600  # 5,000 characters are three minutes of sound
    min_ms_per_character = 25

    @pytest.fixture
    def vivavoce_loaded(self, request: pytest.FixtureRequest, runner: asyncio.Runner, engine: Any) -> LoadedEngine:
        """The kit's own would load it in this process, where it can't be."""
        offer = self.make_offer()
        lines = request.config.stash.setdefault(REPORT, [])
        return LoadedEngine(
            offer, self.make_options(offer), engine, runner, lines, self.test_limit_s, "in its environment"
        )
