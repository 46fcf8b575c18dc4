"""The real service; needs an account: RIME_API_KEY=... pytest tests/plugins/rime/test_rime_cloud.py"""

from __future__ import annotations

import os
from typing import Any

import pytest

from vivavoce_api.testing import TextToSpeechConformance

CLOUD_KEY = os.environ.get("RIME_API_KEY", "")
if not CLOUD_KEY:
    pytest.skip(
        "needs an account's key: RIME_API_KEY=... pytest tests/plugins/rime/test_rime_cloud.py", allow_module_level=True
    )
pytestmark = pytest.mark.slow


@pytest.fixture(scope="class", autouse=True)
def cloud_key() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIME_API_KEY", CLOUD_KEY)
        yield


class TestMistV2(TextToSpeechConformance):
    plugin = "rime"
    cancel_limit_ms = 200.0


class TestMistV3(TestMistV2):
    options = {"model": "mistv3"}  # noqa: RUF012 - read only, as in the kit


class TestMistV2OverHttp(TestMistV2):
    options = {"protocol": "http"}  # noqa: RUF012
