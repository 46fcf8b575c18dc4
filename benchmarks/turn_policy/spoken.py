"""Moments of spoken lines of people: their ends, cuts at soft places within, and pauses that the speakers made."""

from __future__ import annotations

import numpy as np
import soxr
from numpy.typing import NDArray
from rooms import RATE_HZ, Sound, trimmed

STEP = RATE_HZ // 100
QUIET_DB, LONGEST_GAP_MS, SHORTEST_PAUSE_MS = -32.0, 150, 200
BEFORE_PAUSE_MS, AFTER_PAUSE_MS = 500, 250
"""So much of a line comes before a pause in it and after, at least."""
TILTED = 0.6
"""Some microphones favour low or high frequencies: so many do."""


def varied(line: Sound, pitch_spread: float, pitches: tuple[float, float], rng: np.random.Generator) -> Sound | None:
    """A line at another pitch and tempo, trimmed; None of one too short or too soft.

    `pitch_spread`: of both together, the standard deviation of the logarithm, within `pitches`.
    """
    pitch = np.clip(np.exp(rng.normal(0, pitch_spread)), *pitches)
    speech = trimmed(soxr.resample(line, RATE_HZ, RATE_HZ * pitch, quality="LQ").astype(np.float32), -40)
    return None if len(speech) < 0.6 * RATE_HZ or np.abs(speech).max() < 0.02 else speech


def cuts(speech: Sound, count: int, rng: np.random.Generator) -> list[int]:
    """Samples after which nothing is said for a moment: the softest places near random ones, before short gaps."""
    level, quiet = levels(speech)
    smooth = np.convolve(level, np.ones(3) / 3, "same")
    found: list[int] = []
    for _ in range(3 * count if len(level) >= 60 else 0):
        near = int(rng.integers(30, len(level) - 15))
        first = max(20, near - 12)
        softest = first + int(smooth[first : min(len(level) - 12, near + 12)].argmin())
        before, after = run_of(quiet, softest)
        place = before if (after - before) * 10 >= 30 else softest
        if (after - before) * 10 <= LONGEST_GAP_MS and all(abs(place - other) > 15 for other in found):
            found.append(place)
        if len(found) == count:
            break
    return [place * STEP for place in found]


def pauses(speech: Sound) -> list[int]:
    """Samples at which the speaker fell silent for 200 ms and more within a line."""
    _, quiet = levels(speech)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], quiet, [False])).astype(int))).reshape(-1, 2)
    return [
        int(start) * STEP
        for start, end in edges
        if (end - start) * 10 >= SHORTEST_PAUSE_MS
        and start * 10 >= BEFORE_PAUSE_MS
        and (len(quiet) - end) * 10 >= AFTER_PAUSE_MS
    ]


def levels(speech: Sound) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The level of each 10 ms, in dB, and whether that is quiet for this speech."""
    level = 10 * np.log10(np.mean(speech[: len(speech) // STEP * STEP].reshape(-1, STEP) ** 2, axis=1) + 1e-12)
    return level, level < level.max() + QUIET_DB


def run_of(flags: NDArray[np.bool_], place: int) -> tuple[int, int]:
    """First and one past the last of the flags around `place` that are set; both `place` where it is not."""
    before = after = place
    while before > 0 and flags[before - 1]:
        before -= 1
    while after < len(flags) and flags[after]:
        after += 1
    return before, after


def faded(speech: Sound, rng: np.random.Generator) -> Sound:
    """Softly cut off: how abruptly shall tell nothing."""
    fade = min(len(speech), int(rng.uniform(0.003, 0.04) * RATE_HZ))
    return np.concatenate([speech[: len(speech) - fade], speech[len(speech) - fade :] * np.linspace(1, 0, fade)])


def through_microphone(speech: Sound, tilt: float, rng: np.random.Generator) -> Sound:
    """As some microphone hears it. `tilt`: up to which coefficient of a first-order filter."""
    if rng.random() < TILTED:
        speech = speech - rng.uniform(-tilt, tilt) * np.concatenate([speech[:1] * 0, speech[:-1]])
    return speech.astype(np.float32)
