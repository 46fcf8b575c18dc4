"""How likely it is that a turn is over, and the wait that follows from it: a small logistic model. Pure, no clock.

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

SLOPE_MS = 200.0
"""The m of the formula, for a person of whom nothing is known yet."""

TEXT_FLOOR, AUDIO_FLOOR = 0.001, 0.02
"""Added on both sides, so that log-odds stay finite. A text probability of 0.001 still tells; less tells no more."""

USUAL_PAUSE_MS, USUAL_PAUSES = 400.0, 4
"""A person's mean pause starts from four of 400 ms (assumed, not fitted) and moves with each pause of theirs."""
SLOPE_SCALE = (0.75, 2.0)
"""How much a person's pauses may change the slope."""


@dataclass(frozen=True, slots=True)
class Signals:
    """What is known about a silence. Probabilities are 0 to 1; None: this agent has no such signal.

    `audio`: the turn detector's; its log-odds tell `audio_scale` times what smart-turn's do. `text`: the language
    model's, for the words so far without punctuation at their end. `silence_ms`: since the last voiced window.
    `pauses_ms`: pauses of 200 ms and more after which this person went on, in this conversation.
    """

    audio: float | None = None
    audio_scale: float = 1.0
    text: float | None = None
    silence_ms: float = 0.0
    pauses_ms: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Weights:
    """Of the log-odds of the signals."""

    intercept: float
    audio: float
    text: float


@dataclass(frozen=True, slots=True)
class Style:
    """When to answer: as soon as the log-odds of "over" reach the bar, within `min_ms` and `max_ms` of silence.

    There is a bar for each set of signals, since a weaker set lets more pauses through at the same odds; `blind_ms` is
    the wait without any.
    """

    min_ms: float
    max_ms: float
    bar_both: float
    bar_audio: float
    bar_text: float
    blind_ms: float


BOTH = Weights(intercept=0.849, audio=0.152, text=0.881)
AUDIO_ALONE = Weights(intercept=-0.174, audio=0.16, text=0.0)
TEXT_ALONE = Weights(intercept=1.019, audio=0.0, text=0.877)

STYLES = {
    "eager": Style(min_ms=90, max_ms=700, bar_both=1.3, bar_audio=2.95, bar_text=1.4, blind_ms=400),
    "balanced": Style(min_ms=200, max_ms=750, bar_both=3.2, bar_audio=3.3, bar_text=3.15, blind_ms=700),
    "patient": Style(min_ms=500, max_ms=1200, bar_both=4.85, bar_audio=3.7, bar_text=4.85, blind_ms=1000),
}


def over_probability(signals: Signals) -> float:
    """The probability, 0 to 1, that the turn is over, where ends and pauses are equally frequent."""
    return 1 / (1 + math.exp(-(_log_odds(signals) + signals.silence_ms / _slope_ms(signals.pauses_ms))))


def wait_ms(signals: Signals, style: Style) -> float:
    """The silence, in ms since the last voiced window, at which to answer. `silence_ms` has no part in it."""
    slope_ms = _slope_ms(signals.pauses_ms)
    if signals.audio is None and signals.text is None:
        wait = style.blind_ms * slope_ms / SLOPE_MS
    else:
        wait = slope_ms * (_bar(signals, style) - _log_odds(signals))
    return min(max(wait, style.min_ms), style.max_ms)


def _log_odds(signals: Signals) -> float:
    """Of "over", before any silence."""
    if signals.audio is None and signals.text is None:
        return 0.0
    weights = TEXT_ALONE if signals.audio is None else AUDIO_ALONE if signals.text is None else BOTH
    audio = weights.audio * signals.audio_scale * _floored_log_odds(signals.audio or 0.0, AUDIO_FLOOR)
    text = weights.text * _floored_log_odds(signals.text or 0.0, TEXT_FLOOR)
    return weights.intercept + audio + text


def _floored_log_odds(probability: float, floor: float) -> float:
    probability = min(max(probability, 0.0), 1.0)
    return math.log((probability + floor) / (1 - probability + floor))


def _bar(signals: Signals, style: Style) -> float:
    if signals.audio is None:
        return style.bar_text
    return style.bar_audio if signals.text is None else style.bar_both


def _slope_ms(pauses_ms: Sequence[float]) -> float:
    """Scaled with the person's mean pause, the mean of an exponential distribution after some observations."""
    mean_ms = (USUAL_PAUSES * USUAL_PAUSE_MS + sum(pauses_ms)) / (USUAL_PAUSES + len(pauses_ms))
    low, high = SLOPE_SCALE
    return SLOPE_MS * min(max(mean_ms / USUAL_PAUSE_MS, low), high)
