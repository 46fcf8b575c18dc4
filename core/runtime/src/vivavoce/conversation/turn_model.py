"""How long to wait for the user to go on: a small logistic model of whether a turn is over. Pure, no clock.

The weights and bars are printed by `benchmarks/turn_policy/fit.py`, which fits them to synthetic speech in synthetic
rooms and judges them on other sentences and on real speakers; its README has the tables.

Why the wait is a straight line: let pauses in mid-turn last longer than s with probability exp(-s / m). Then a silence
of s turns the odds of "over" by a factor of exp(s / m): log-odds(p, s) = log-odds(p) + s / m. To answer as soon as
that reaches a style's bar is to wait m * (bar - log-odds(p)): monotone in every signal, and without a cliff.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from vivavoce_api import TurnFit, TurnFits

TEXT_FLOOR, AUDIO_FLOOR, TRANSCRIBER_FLOOR = 0.001, 0.02, 0.02
"""Added on both sides, so that log-odds stay finite. A text probability of 0.001 still tells; less tells no more."""

USUAL_PAUSE_MS, USUAL_PAUSES = 400.0, 4
"""A person's mean pause starts from four of 400 ms (assumed, not fitted) and moves with each pause of theirs."""
STRETCH = (0.9, 2.0)
"""How much a person's pauses may change the wait: little towards less, for who paused briefly may yet stop to think."""


WORDS_ALONE = TurnFit(intercept=1.019, audio=0.0, text=0.877, eager=1.65, balanced=2.2, patient=4.4)
TRANSCRIBER_ALONE = TurnFit(
    intercept=0.121, audio=0.0, text=0.0, eager=3.8, balanced=3.35, patient=5.15, transcriber=0.93
)
WORDS_AND_TRANSCRIBER = TurnFit(
    intercept=0.71, audio=0.0, text=0.486, eager=2.8, balanced=2.95, patient=5.0, transcriber=0.659
)
SMART_TURN = TurnFits(
    beside_words=TurnFit(intercept=0.849, audio=0.152, text=0.881, eager=1.55, balanced=2.2, patient=4.3),
    alone=TurnFit(intercept=-0.174, audio=0.16, text=0.0, eager=3.0, balanced=1.8, patient=4.0),
)
"""Of smart-turn, and of a turn detector whose offer says nothing else."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about a silence. Probabilities are 0 to 1; None: this agent has no such signal.

    `audio`: the turn detector's. `text`: the language model's, for the words so far without punctuation at their end.
    `transcriber`: that of speech-to-text.
    `pauses_ms`: pauses of 200 ms and more after which this person went on, in this conversation.
    """

    audio: float | None = None
    text: float | None = None
    transcriber: float | None = None
    pauses_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Style:
    """When to answer: as soon as the log-odds of "over" reach the bar, within `min_ms` and `max_ms` of silence.

    Each fit has a bar for `name`, since weaker signals let more pauses through at the same odds; `blind_ms` is the wait
    without any. `slope_ms` is the m of the formula, for a person of whom nothing is known yet: how much longer each
    unit of doubt waits. The more it is, the longer the doubtful turns wait and the sooner the surer ones are answered,
    at the same share of pauses that are taken for an end.
    """

    name: Literal["eager", "balanced", "patient"]
    min_ms: float
    max_ms: float
    slope_ms: float
    blind_ms: float


STYLES = {
    style.name: style
    for style in (
        Style("eager", min_ms=90, max_ms=700, slope_ms=200, blind_ms=400),
        Style("balanced", min_ms=200, max_ms=700, slope_ms=400, blind_ms=700),
        Style("patient", min_ms=600, max_ms=1200, slope_ms=200, blind_ms=1000),
    )
}


def wait_ms(signals: Signals, style: Style, detector: TurnFits = SMART_TURN) -> float:
    """The silence, in ms since the last voiced window, at which to answer. `detector`: what its answers are worth.

    Who pauses briefly is waited for less in every doubt; nobody is waited for longer than `max_ms`.
    """
    fit = _fit(signals, detector)
    wait = style.blind_ms if fit is None else style.slope_ms * (getattr(fit, style.name) - _log_odds(signals, fit))
    stretched = _stretch(signals.pauses_ms) * min(wait, style.max_ms)
    return min(max(stretched, style.min_ms), style.max_ms)


def _fit(signals: Signals, detector: TurnFits) -> TurnFit | None:
    """Of a transcriber's opinion, a turn detector's adds nothing: no signal of the sound is counted twice."""
    if signals.transcriber is not None:
        return TRANSCRIBER_ALONE if signals.text is None else WORDS_AND_TRANSCRIBER
    if signals.audio is not None:
        return detector.alone if signals.text is None else detector.beside_words
    return None if signals.text is None else WORDS_ALONE


def _log_odds(signals: Signals, fit: TurnFit) -> float:
    """Of "over", before any silence."""
    audio = fit.audio * _floored_log_odds(signals.audio or 0.0, AUDIO_FLOOR)
    text = fit.text * _floored_log_odds(signals.text or 0.0, TEXT_FLOOR)
    transcriber = fit.transcriber * _floored_log_odds(signals.transcriber or 0.0, TRANSCRIBER_FLOOR)
    return fit.intercept + audio + text + transcriber


def _floored_log_odds(probability: float, floor: float) -> float:
    probability = min(max(probability, 0.0), 1.0)
    return math.log((probability + floor) / (1 - probability + floor))


def _stretch(pauses_ms: Sequence[float]) -> float:
    """By what a person's pauses stretch the wait: their mean, that of an exponential distribution after some."""
    mean_ms = (USUAL_PAUSES * USUAL_PAUSE_MS + sum(pauses_ms)) / (USUAL_PAUSES + len(pauses_ms))
    low, high = STRETCH
    return min(max(mean_ms / USUAL_PAUSE_MS, low), high)
