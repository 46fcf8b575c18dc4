"""The conformance kit, once for each way to Rime."""

from __future__ import annotations

from typing import Any

import pytest

from vivavoce_api.testing import HERE, IN_WORKER, TextToSpeechConformance


@pytest.fixture(scope="class", autouse=True)
def served(request: pytest.FixtureRequest, served_stand_in: Any) -> Any:
    assert request.cls is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIME_API_KEY", "good-key")
        request.cls.options = served_stand_in.options(request.cls.variant)
        yield


class TestWs3(TextToSpeechConformance):
    plugin = "rime"
    ways = (HERE, IN_WORKER)
    variant = "ws3"


class TestV1(TextToSpeechConformance):
    plugin = "rime"
    variant = "v1"


class TestHttp(TextToSpeechConformance):
    plugin = "rime"
    variant = "http"
