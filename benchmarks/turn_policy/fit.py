"""Fit the turn model to `features.csv` and `games.csv`, and judge it on sentences it has not seen and on real clips.

    python benchmarks/turn_policy/fit.py

Deterministic, takes seconds. Prints the constants of `vivavoce.conversation.turn_model` and `prosody`, then the tables
of the README.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce_api import TurnFit

HERE = Path(__file__).parent
TEXT_FLOOR, AUDIO_FLOOR, TRANSCRIBER_FLOOR = 0.001, 0.02, 0.02
L2 = 0.02
PAUSES_MS = np.arange(300, 701, 20)
"""Mid-sentence pauses that are judged: anything from 300 to 700 ms, equally often."""

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Silences:
    """Columns, one entry a silence. `audio`, `text` and `transcriber` are log-odds.

    `fluent`: in a reading without added pauses; `heard`: whether there is a transcriber's answer.
    """

    kind: NDArray[np.str_]
    family: NDArray[np.str_]
    held_out: Flags
    fluent: Flags
    audio: Array
    text: Array
    heard: Flags
    transcriber: Array
    late_ms: Array
    pause_ms: Array

    @property
    def over(self) -> Flags:
        """Ends of turns."""
        return self.kind == "end"

    @property
    def mid(self) -> Flags:
        """Places where a pause was put into the sentence."""
        return (self.kind == "splice") | (self.kind == "pause")

    def only(self, chosen: Flags) -> Silences:
        """Some of them."""
        return Silences(*(getattr(self, column.name)[chosen] for column in fields(self)))


@dataclass(frozen=True)
class Style:
    """A style's bounds of the wait, its wait for each unit of log-odds, and where its pauses are counted.

    From 80 to 800 ms a unit were tried: more shortens the median, spares more pauses, and lengthens the tail.
    """

    name: str
    min_ms: float
    max_ms: float
    slope_ms: float
    kinds: tuple[str, ...]


STYLES = (
    Style("eager", 90, 700, 200, ("splice",)),
    Style("balanced", 200, 700, 400, ("splice",)),
    Style("patient", 600, 1200, 200, ("splice", "pause")),
)
BALANCED = STYLES[1]
CURVE, CURVE_BARS = Style("curve", 96, 1200, 300, ()), (0.0, 1.0, 2.0, 3.0, 4.0)
"""Latency against cut-ins: the bar is all that moves."""
CURVES = ("text", "text, large, with a head", "text, transcriber base, large, with a head")
COLUMNS = "wait, ms | after the voice, ms | cut-ins: words | clauses | talked over"
OTHER_READERS = {
    "large, as user": "text_as_user",
    "small": "text_small",
    "small, as user": "text_small_as_user",
    "large, with a head": "text_head",
    "small, with a head": "text_small_head",
}
"""Columns for other ways to get the text signal; the weights are fitted to `text_probability`."""
HEADS = ("large, with a head", "small, with a head")
SMART_TURN, PROSODY = "audio_64", "prosody"
"""Columns of the turn detectors."""
TINY, BASE = "heard_tiny", "heard_base"
"""Columns of the transcribers; the weights are fitted to Whisper `base`."""
READ_BESIDE = "large, with a head"
"""Who reads the words beside a transcriber, as the weights are fitted: games.csv knows the words of nobody else."""

Shares = dict[str, float]
SHARES: Shares = {"eager": 0.105, "balanced": 0.042, "patient": 0.003}
SURER_SHARES: Shares = {"eager": 0.055, "balanced": 0.032, "patient": 0.003}
HEARD_SHARES: Shares = {"eager": 0.062, "balanced": 0.022, "patient": 0.003}
UNREAD_SHARES: Shares = {"eager": 0.03, "balanced": 0.015, "patient": 0.003}
"""The share of pauses that each style may take for an end; two good signals take less to be as quick as one: SURER,
prosody beside another; HEARD, the words beside a transcriber; UNREAD, a transcriber where nobody reads the words."""


@dataclass(frozen=True)
class Known:
    """What an agent knows: its signals, whose the sound's is, and the shares that set its bars."""

    signals: tuple[str, ...]
    audio: str
    shares: Shares


KNOWN = {
    "both": Known(("audio", "text"), SMART_TURN, SHARES),
    "audio": Known(("audio",), SMART_TURN, SHARES),
    "text": Known(("text",), SMART_TURN, SHARES),
    "both, prosody": Known(("audio", "text"), PROSODY, SURER_SHARES),
    "audio, prosody": Known(("audio",), PROSODY, SHARES),
    "transcriber": Known(("transcriber",), SMART_TURN, UNREAD_SHARES),
    "text, transcriber": Known(("text", "transcriber"), SMART_TURN, HEARD_SHARES),
}


@dataclass(frozen=True)
class Model:
    """Log-odds that the turn is over: an intercept, and a weight for each signal."""

    intercept: float
    weights: dict[str, float]

    def log_odds(self, silences: Silences) -> Array:
        """One for each silence."""
        return self.intercept + sum(weight * getattr(silences, name) for name, weight in self.weights.items())


def read(
    path: Path, text: str = "text_probability", odds: float = 1.0, audio: str = SMART_TURN, transcriber: str = BASE
) -> Silences:
    """The silences of a file, with the column `text`, its odds times `odds`, for the text signal.

    The sound's is the column `audio`, the transcriber's `transcriber`. Every third sentence is held out.
    """
    with path.open() as file:
        rows = list(csv.DictReader(file))
    fluent = {(row["source"], row["speaker"]) for row in rows if row["kind"] == "splice"}

    def column(name: str) -> Array:
        return np.array([float(row[name] or 0) for row in rows])  # what nobody was asked is not used

    p = column(text)

    return Silences(
        kind=np.array([row["kind"] for row in rows]),
        family=np.array([row["speaker"].split("-")[0] for row in rows]),
        held_out=np.array([row["source"].isdigit() and int(row["source"]) % 3 == 2 for row in rows]),
        fluent=np.array([(row["source"], row["speaker"]) in fluent for row in rows]),
        audio=log_odds(column(audio), AUDIO_FLOOR),
        text=log_odds(p * odds / (1 - p + p * odds), TEXT_FLOOR),
        heard=np.array([row[transcriber] != "" for row in rows]),
        transcriber=log_odds(column(transcriber), TRANSCRIBER_FLOOR),
        late_ms=column("late_ms"),
        pause_ms=column("pause_ms"),
    )


def log_odds(probability: Array, floor: float) -> Array:
    """Log-odds that stay finite: as if `floor` were added on both sides."""
    return np.log((probability + floor) / (1 - probability + floor))


def joined(some: Silences, more: Silences) -> Silences:
    """All of both."""
    return Silences(*(np.concatenate([getattr(of, column.name) for of in (some, more)]) for column in fields(some)))


def weighed(silences: Silences) -> tuple[Silences, Array]:
    """Ends and pauses, and what each weighs.

    Ends and pauses weigh the same, and so do the families of voices, people being one: a new speaker is like one of
    them, not like the mean of many readings by one.
    """
    chosen = silences.only(silences.over | silences.mid)
    weight = np.array([1 / np.sum(chosen.family == family) for family in chosen.family])
    return chosen, weight / np.where(chosen.over, weight[chosen.over].sum(), weight[chosen.mid].sum()) / 2


def to_learn_from(known: Known, odds: dict[str, float]) -> Silences:
    """What is fitted to: two of three synthetic sentences, and beside a transcriber lines of people.

    `odds` are those of the readers of the words, as far as they are known by then.
    """
    if "transcriber" not in known.signals:
        silences = read(HERE / "features.csv", audio=known.audio)
        return silences.only(~silences.held_out)
    reader, factor = OTHER_READERS[READ_BESIDE], odds[READ_BESIDE]
    synthetic, people = (usable(read(HERE / f"{name}.csv", reader, factor), known) for name in ("features", "games"))
    return joined(synthetic.only(~synthetic.held_out), people)


def fitted(silences: Silences, names: Sequence[str]) -> Model:
    """Logistic regression by Newton's method, L2 on the slopes."""
    chosen, weight = weighed(silences)
    x = np.column_stack([np.ones(len(chosen.kind)), *(getattr(chosen, name) for name in names)])
    ridge = L2 * np.diag([0.0] + [1.0] * len(names))
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ beta))
        gradient = x.T @ (weight * (chosen.over - p)) - ridge @ beta
        hessian = (x * (weight * p * (1 - p))[:, None]).T @ x + ridge
        beta += np.linalg.solve(hessian, gradient)
    intercept, *slopes = (round(float(value), 3) + 0.0 for value in beta)
    return Model(intercept, dict(zip(names, slopes, strict=True)))


def waits(z: Array, bar: float, style: Style) -> Array:
    """The curve: linear in the log-odds, within the style's bounds."""
    return np.clip(style.slope_ms * (bar - z), style.min_ms, style.max_ms)


def cut_ins(silences: Silences, wait: Array, kinds: Sequence[str] = ("splice", "pause")) -> float:
    """The share of mid-sentence pauses of these kinds that end in a cut-in."""
    chosen = np.isin(silences.kind, kinds)
    if not chosen.any():
        return float("nan")
    return float(np.mean((wait + silences.late_ms)[chosen][:, None] < PAUSES_MS))


def talked_over(silences: Silences, wait: Array) -> float:
    """Answers while the user still speaks fluently, per turn: a gap of the speech itself outlasts the wait."""
    early = (silences.kind == "gap") & silences.fluent & (wait < silences.pause_ms)
    return float(early.sum() / (silences.over & silences.fluent).sum())


def bar_for(silences: Silences, model: Model, style: Style, share: float) -> float:
    """The lowest log-odds to answer at that keep this share of cut-ins."""
    z = model.log_odds(silences)
    bars = np.arange(-8, 20, 0.05)
    return next(round(float(bar), 2) for bar in bars if cut_ins(silences, waits(z, bar, style), style.kinds) <= share)


def ending_odds(text: str, model: Model, bar: float) -> float:
    """By what to multiply the odds that another reader finds: the most, to 0.1, that keep *balanced*'s cut-ins."""

    def share(odds: float) -> float:
        known = read(HERE / "features.csv", text, odds)
        learnt = known.only(~known.held_out)
        return cut_ins(learnt, waits(model.log_odds(learnt), bar, BALANCED), BALANCED.kinds)

    return max(odds for odds in np.round(np.arange(0.5, 8, 0.1), 1).tolist() if share(odds) <= SHARES["balanced"])


def ranked(silences: Silences, model: Model) -> float:
    """How often an end has higher log-odds than a pause (the area under the curve)."""
    z = model.log_odds(silences)
    ends, mids = z[silences.over][:, None], z[silences.mid]
    return float((ends > mids).mean() + 0.5 * (ends == mids).mean())


def row(silences: Silences, wait: Array) -> str:
    """Table cells: the wait and the time from the last voiced sample, p50 / p90; cut-ins; talked over."""
    ends = wait[silences.over]
    since_voice = ends + silences.late_ms[silences.over]
    cells = [
        *(f"{np.median(of):.0f} / {np.percentile(of, 90):.0f}" for of in (ends, since_voice)),
        f"{cut_ins(silences, wait, ('splice',)):.1%}",
        "" if np.isnan(at_clauses := cut_ins(silences, wait, ("pause",))) else f"{at_clauses:.1%}",
        f"{talked_over(silences, wait):.1%}",
    ]
    return " | ".join(cells)


def judged(
    known: Known, text: str = "text_probability", odds: float = 1.0, transcriber: str = BASE
) -> dict[str, Silences]:
    """What the fit is judged on, with these columns for the signals."""
    files = {name: HERE / f"{name}.csv" for name in ("features", "clips", "reader")}
    judges = {name: usable(read(path, text, odds, known.audio, transcriber), known) for name, path in files.items()}
    features = judges.pop("features")
    return {"held out": features.only(features.held_out)} | judges


def usable(silences: Silences, known: Known) -> Silences:
    """Those for which all signals are there: a few silences the transcriber was not asked about."""
    return silences.only(silences.heard) if "transcriber" in known.signals else silences


def areas(model: Model, judges: dict[str, Silences]) -> str:
    """How well ends are told from pauses, for each of the judges."""
    return ", ".join(f"{judge} {ranked(silences, model):.3f}" for judge, silences in judges.items())


def reading_odds(model: Model, bar: float) -> dict[str, float]:
    """For each of the other readers, by what to multiply the odds that it finds."""
    return {reader: ending_odds(column, model, bar) for reader, column in OTHER_READERS.items()}


def ways_of(name: str, odds: dict[str, float]) -> dict[str, dict[str, Silences]]:
    """From whom a set of signals may come, and what each is judged on."""
    known = KNOWN[name]
    if "transcriber" in known.signals:
        readers: Sequence[str] = HEADS if "text" in known.signals else (READ_BESIDE,)
        return {
            ", ".join([f"{name} {size}", *([reader] if "text" in known.signals else [])]): judged(
                known, OTHER_READERS[reader], odds[reader], transcriber
            )
            for size, transcriber in (("base", BASE), ("tiny.en", TINY))
            for reader in readers
        }
    ways = {name: judged(known)}
    for reader in odds if name == "text" else HEADS if name == "both, prosody" else ():
        ways[f"{name}, {reader}"] = judged(known, OTHER_READERS[reader], odds[reader])
    return ways


def main() -> None:
    """Fit and judge."""
    models: dict[str, Model] = {}
    bars: dict[str, Shares] = {}
    odds: dict[str, float] = {}
    for name, known in KNOWN.items():
        learnt = to_learn_from(known, odds)
        models[name] = model = fitted(learnt, known.signals)
        bars[name] = {style.name: bar_for(learnt, model, style, known.shares[style.name]) for style in STYLES}
        weights = {"audio": 0.0, "text": 0.0, "transcriber": 0.0} | model.weights
        print(f"{name}: {TurnFit(model.intercept, **weights, **bars[name])}")
        if name == "text":
            odds = reading_odds(model, bars[name]["balanced"])
    print(f"odds of other readers times {odds}")
    lines, curve = [], []
    for name, model in models.items():
        for way, judges in ways_of(name, odds).items():
            print(f"{way}: ends above pauses: {areas(model, judges)}")
            for style in STYLES:
                lines += table(f"{way} | {style.name}", judges, model, style, bars[name][style.name])
            for bar in CURVE_BARS if way in CURVES else ():
                curve += table(f"{way} | {bar}", judges, model, CURVE, bar)
    for heading, rows in (("style", lines), ("bar", curve)):
        print(f"\n| signals | {heading} | judged on | {COLUMNS} |")
        print("|---|---|---|---|---|---|---|---|", *rows, sep="\n")


def table(start: str, judges: dict[str, Silences], model: Model, style: Style, bar: float) -> list[str]:
    """A row for each of the judges."""
    return [
        f"| {start} | {judge} | {row(silences, waits(model.log_odds(silences), bar, style))} |"
        for judge, silences in judges.items()
    ]


if __name__ == "__main__":
    main()
