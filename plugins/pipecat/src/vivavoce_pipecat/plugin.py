"""Offers of this plugin. Nothing heavy is imported before one of them is loaded."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any

from vivavoce_api import (
    Kind,
    Offer,
    Progress,
    Requirements,
    TurnDetectorCapabilities,
    VoiceActivityCapabilities,
    hookimpl,
)
from vivavoce_pipecat import models
from vivavoce_pipecat.options import SileroOptions, SmartTurnOptions


def _load_from(module: str) -> Callable[[Any, Progress], Any]:
    def load(options: Any, progress: Progress) -> Any:
        return import_module(f"vivavoce_pipecat.{module}").load(options, progress)

    return load


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
