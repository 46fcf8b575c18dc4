"""The conformance kit over the plugin `prosody`."""

from __future__ import annotations

from vivavoce_api.testing import HERE, IN_WORKER, TurnDetectorConformance


class TestProsody(TurnDetectorConformance):
    plugin = "prosody"
    ways = (HERE, IN_WORKER)
