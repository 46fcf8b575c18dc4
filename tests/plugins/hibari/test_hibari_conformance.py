"""The real voice keeps the contract."""

import pytest

from vivavoce_api.testing import HERE, IN_WORKER, TextToSpeechConformance


@pytest.mark.slow
class TestHibari(TextToSpeechConformance):
    plugin = "hibari"
    ways = (HERE, IN_WORKER)
    min_ms_per_character = 35
