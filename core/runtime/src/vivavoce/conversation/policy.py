"""The turn policy: how long to wait yet before the agent may answer. Pure arithmetic, no clock of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """How a style waits: `min_ms` of silence after a turn that is surely over, `max_ms` after one that surely is not.

    Between the two the wait falls smoothly with the certainty; `doubt` bends the curve (larger: stays long until
    the signals are sure). `speculate_after_ms`: silence after which the reply is begun, unheard.
    """

    min_ms: float
    max_ms: float
    doubt: float
    speculate_after_ms: float


STYLES = {
    "eager": Patience(min_ms=120, max_ms=800, doubt=1.0, speculate_after_ms=24),
    "balanced": Patience(min_ms=160, max_ms=1200, doubt=1.0, speculate_after_ms=40),
    "patient": Patience(min_ms=500, max_ms=2000, doubt=0.7, speculate_after_ms=64),
}

# Without any signal the wait is that of an even chance.
UNKNOWN = 0.5

# A person who has paused for long in the middle of turns will do it again: wait this share of their longest pause.
PAUSE_SHARE = 0.8


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known about a silence.

    `audio_probability`: the turn detector's judgement that the turn is over; `text_probability`: the language
    model's; None: not known. `pauses_ms`: pauses after which this person went on, in this conversation.
    """

    audio_probability: float | None = None
    text_probability: float | None = None
    pauses_ms: Sequence[float] = ()


def wait_ms(evidence: Evidence, patience: Patience) -> float:
    """The silence, in ms since the last voiced sample, after which the turn counts as over."""
    over = combined(evidence.audio_probability, evidence.text_probability)
    wait = patience.min_ms + (patience.max_ms - patience.min_ms) * (1.0 - over) ** patience.doubt
    habit = PAUSE_SHARE * max(evidence.pauses_ms, default=0.0) * (1.0 - over)
    return min(max(wait, habit), patience.max_ms)


def combined(audio: float | None, text: float | None) -> float:
    """One probability out of two signals that err on different turns: either may be sure."""
    known = [probability for probability in (audio, text) if probability is not None]
    if not known:
        return UNKNOWN
    doubt = 1.0
    for probability in known:
        doubt *= 1.0 - probability
    return 1.0 - doubt
