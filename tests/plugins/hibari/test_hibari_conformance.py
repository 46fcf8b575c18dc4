"""The real voice keeps the contract."""

import pytest

from vivavoce_api.testing import TextToSpeechConformance


@pytest.mark.slow
class TestHibari(TextToSpeechConformance):
    plugin = "hibari"
    min_ms_per_character = 35
