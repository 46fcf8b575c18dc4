"""Fit the turn model to `features.csv` and judge it on sentences it has not seen and on the six real clips.

    python benchmarks/turn_policy/fit.py

Deterministic, numpy only, takes seconds. Prints the constants of `vivavoce.conversation.turn_model` and the tables of
the README.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

HERE = Path(__file__).parent
TEXT_FLOOR, AUDIO_FLOOR = 0.001, 0.02
L2 = 0.02
PAUSES_MS = np.arange(300, 701, 20)
"""Mid-sentence pauses that are judged: anything from 300 to 700 ms, equally often."""

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Silences:
    """Columns, one entry a silence. `text` and `audio` are log-odds; `turn` numbers the readings."""

    over: NDArray[np.bool_]
    gap: NDArray[np.bool_]
    audio: Array
    text: Array
    late_ms: Array
    pause_ms: Array
    held_out: NDArray[np.bool_]
    speaker: NDArray[np.str_]

    def only(self, chosen: NDArray[np.bool_]) -> Silences:
        """Some of them."""
        return Silences(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


def read(path: Path) -> Silences:
    """The silences of a file; every third sentence is held out."""
    with path.open() as file:
        rows = list(csv.DictReader(file))

    def column(name: str) -> Array:
        return np.array([float(row[name] or 0) for row in rows])

    kinds = np.array([row["kind"] for row in rows])
    return Silences(
        over=kinds == "end",
        gap=kinds == "gap",
        audio=log_odds(column("audio_64"), AUDIO_FLOOR),
        text=log_odds(column("text_probability"), TEXT_FLOOR),
        late_ms=column("late_ms"),
        pause_ms=column("pause_ms"),
        held_out=np.array([row["source"].isdigit() and int(row["source"]) % 3 == 2 for row in rows]),
        speaker=np.array([row["speaker"] for row in rows]),
    )


def log_odds(probability: Array, floor: float) -> Array:
    """Log-odds that stay finite: as if `floor` were added on both sides."""
    return np.log((probability + floor) / (1 - probability + floor))


def fitted(columns: Sequence[Array], over: NDArray[np.bool_]) -> Array:
    """Logistic regression by Newton's method, both classes with equal weight: intercept first. L2 on the slopes."""
    x = np.column_stack([np.ones(len(over)), *columns])
    weight = np.where(over, 0.5 / over.sum(), 0.5 / (~over).sum())
    ridge = L2 * np.diag([0.0] + [1.0] * len(columns))
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weight * (over - p)) - ridge @ beta
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + ridge
        beta += np.linalg.solve(hessian, gradient)
    return beta


@dataclass(frozen=True)
class Kind:
    """Which signals an agent has."""

    name: str
    columns: Callable[[Silences], list[Array]]


KINDS = (
    Kind("both", lambda s: [s.audio, s.text]),
    Kind("audio", lambda s: [s.audio]),
    Kind("text", lambda s: [s.text]),
)


@dataclass(frozen=True)
class Style:
    """A style's bounds of the wait, and the share of pauses that it may take for an end."""

    name: str
    min_ms: float
    max_ms: float
    cut_ins: float


STYLES = (Style("eager", 96, 800, 0.12), Style("balanced", 160, 1200, 0.04), Style("patient", 500, 1200, 0.008))
MEAN_PAUSE_MS = 100.0


def waits(z: Array, threshold: float, style: Style, scale_ms: float = MEAN_PAUSE_MS) -> Array:
    """The curve: linear in the log-odds, within bounds."""
    return np.clip(scale_ms * (threshold - z), style.min_ms, style.max_ms)


def cut_ins(s: Silences, wait: Array) -> float:
    """The share of mid-sentence pauses that end in a cut-in."""
    mid = ~s.over & ~s.gap
    return float(np.mean((wait[mid] + s.late_ms[mid])[:, None] < PAUSES_MS))


def talked_over(s: Silences, wait: Array) -> float:
    """Answers while the user still speaks fluently, per turn."""
    return float(np.sum(s.gap & (wait < s.pause_ms)) / max(1, s.over.sum()))


def threshold_for(s: Silences, z: Array, style: Style, scale_ms: float = MEAN_PAUSE_MS) -> float:
    """The lowest threshold that keeps the style's share of cut-ins."""
    for threshold in np.arange(-8, 20, 0.05):
        if cut_ins(s, waits(z, threshold, style, scale_ms)) <= style.cut_ins:
            return round(float(threshold), 2)
    return 20.0


def auc(s: Silences, z: Array) -> float:
    """How often an end ranks above a pause."""
    ends, mids = z[s.over][:, None], z[~s.over & ~s.gap]
    return float((ends > mids).mean() + 0.5 * (ends == mids).mean())
