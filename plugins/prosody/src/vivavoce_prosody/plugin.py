"""The offer. numpy is imported when it is loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, Offer, Options, Progress, TurnDetectorCapabilities, TurnFit, TurnFits, hookimpl

if TYPE_CHECKING:
    from vivavoce_prosody.detector import ProsodyEngine

# The network was fitted to sound that ends so long after the voice.
SHOWN_SILENCE_MS = 60.0
# Of silence: longer than most closures within words, and in time for an agent that answers after 165 ms.
ASK_AFTER_MS = 90.0
MAX_AUDIO_MS = 2_100.0
# Printed by benchmarks/turn_policy/fit.py.
FITS = TurnFits(
    beside_words=TurnFit(intercept=0.963, audio=0.385, text=0.784, eager=2.2, balanced=1.9, patient=4.6),
    alone=TurnFit(intercept=0.081, audio=0.568, text=0.0, eager=2.95, balanced=2.8, patient=5.9),
)


class ProsodyOptions(Options):
    """Options of `turn_detector: {plugin: prosody}`: there are none."""


def load(options: ProsodyOptions, progress: Progress) -> ProsodyEngine:
    """Read the weights, which come with this package, and run once."""
    from vivavoce_prosody.detector import ProsodyEngine

    return ProsodyEngine()


@hookimpl
def vivavoce_turn_detector() -> Iterable[Offer]:
    """Prosody."""
    return [
        Offer(
            kind=Kind.TURN_DETECTOR,
            name="prosody",
            summary="does it sound finished? melody, rhythm and level of the last two seconds; milliseconds of CPU",
            options=ProsodyOptions,
            load=load,
            capabilities=TurnDetectorCapabilities(
                sample_rate_hz=16_000,
                max_audio_ms=MAX_AUDIO_MS,
                ask_after_ms=ASK_AFTER_MS,
                shown_silence_ms=SHOWN_SILENCE_MS,
                fits=FITS,
            ),
            licence="Apache-2.0 (code and weights)",
        )
    ]
