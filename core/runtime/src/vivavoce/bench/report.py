"""What a measurement found, as figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from vivavoce.bench.barge_in import BargeIn
from vivavoce.bench.crowd import Load
from vivavoce.bench.outcome import TurnOutcome
from vivavoce.bench.plan import Purpose

SHORT_PAUSE_MS = 700
"""Pauses up to here are part of fluent speech: cutting into them is what `pause_cut_in_rate` counts."""

HELD_MS = (800, 1000)


@dataclass(frozen=True, slots=True)
class Waste:
    """Replies that were prepared and thrown away, by the server's own count over `turns`; None: it tells none."""

    turns: int = 0
    replies: int = 0
    pieces: int = 0
    audio_ms: float = 0.0

    @classmethod
    def between(cls, before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Waste:
        """What was wasted between two answers of `/status`; nothing, over no turns, where it doesn't say."""
        try:
            first, last = _counts(before), _counts(after)
        except (TypeError, KeyError, ValueError):
            return cls()
        turns, replies, pieces, audio_ms = (b - a for a, b in zip(first, last, strict=True))
        return cls(int(turns), int(replies), int(pieces), audio_ms)

    def __add__(self, other: Waste) -> Waste:
        return Waste(
            self.turns + other.turns,
            self.replies + other.replies,
            self.pieces + other.pieces,
            self.audio_ms + other.audio_ms,
        )


def _counts(status: Any) -> list[float]:
    waste = status["speculation"]
    counts = (status["turns"]["total"], waste["wasted"], waste["wasted_pieces"], waste["wasted_audio_ms"])
    return [float(count) for count in counts]


@dataclass
class Report:
    """All that was found out about one server. `label` names it; `engines` are its plugins' labels, where known.

    `virtual_time`: the machine's own work took none.
    """

    label: str
    noise_dbfs: float = -60.0
    seed: int = 1
    virtual_time: bool = False
    engines: Mapping[str, str] = field(default_factory=dict)
    turns: list[TurnOutcome] = field(default_factory=list)
    barge_ins: list[BargeIn] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)
    waste: Waste = Waste()

    @property
    def whole(self) -> list[TurnOutcome]:
        """The turns without an inserted pause."""
        return [turn for turn in self.turns if turn.purpose is Purpose.WHOLE]

    @property
    def latencies_ms(self) -> list[float]:
        """Voice-to-voice latency of each whole turn that was answered after its end."""
        return [turn.voice_to_voice_ms for turn in self.whole if turn.voice_to_voice_ms is not None]

    def pause_counts(self) -> dict[int, tuple[int, int]]:
        """For each length of pause: turns cut into at the pause or after it, and turns.

        One that was cut into before its pause says nothing about the pause, and is left out of both.
        """
        lengths = sorted({turn.pause_ms for turn in self.turns if turn.pause_ms is not None})
        counts: dict[int, tuple[int, int]] = {}
        for length in lengths:
            turns = [turn for turn in self.turns if turn.pause_ms == length and not turn.before_pause]
            counts[length] = (sum(turn.cut_in for turn in turns), len(turns))
        return counts

    def stages_ms(self) -> dict[str, float]:
        """The median of each stage, after the last voiced sample, in the order that the server gave."""
        told = [turn.stages_ms for turn in self.whole if turn.stages_ms]
        names = list(dict.fromkeys(name for stages in told for name in stages))
        return {name: percentile([stages[name] for stages in told if name in stages], 50) for name in names}

    def figures(self) -> dict[str, float]:
        """All figures by name, as gates and JSON know them; what was not measured is left out."""
        figures = self._figures().items()
        return {name: value for name, value in figures if value is not None and not math.isnan(value)}

    def _figures(self) -> dict[str, float | None]:
        whole, waste = self.whole, self.waste
        figures: dict[str, float | None] = {f"p{p}_ms": percentile(self.latencies_ms, p) for p in (50, 90, 95)}
        figures["cut_in_rate"] = share(sum(turn.cut_in for turn in whole), len(whole))
        figures["no_answer_rate"] = share(sum(not (t.cut_in or t.voice_to_voice_ms) for t in whole), len(whole))
        for held_ms in HELD_MS:
            figures[f"held_{held_ms}_rate"] = share(sum(_held(turn, held_ms) for turn in whole), len(whole))
        figures["fault_rate"] = share(sum(bool(turn.faults) for turn in self.turns), len(self.turns))
        figures.update(self._pause_figures())
        figures.update(self._barge_in_figures())
        figures["wasted_replies_per_turn"] = share(waste.replies, waste.turns)
        figures["wasted_pieces_per_turn"] = share(waste.pieces, waste.turns)
        figures["wasted_audio_ms_per_turn"] = share(waste.audio_ms, waste.turns)
        for load in self.loads:
            figures[f"p50_ms_{load.sessions}_sessions"] = percentile(load.latencies_ms, 50)
            figures[f"p95_ms_{load.sessions}_sessions"] = percentile(load.latencies_ms, 95)
            figures[f"cpu_s_per_session_s_{load.sessions}_sessions"] = load.cpu_s_per_session_s
            figures[f"memory_mb_per_session_{load.sessions}_sessions"] = load.memory_mb_per_session
            figures[f"no_answer_rate_{load.sessions}_sessions"] = share(load.unanswered, load.turns)
        figures["client_late_ms"] = max((turn.client_late_ms for turn in self.turns), default=math.nan)
        return figures

    def _pause_figures(self) -> dict[str, float]:
        counts = self.pause_counts()
        short = [count for length, count in counts.items() if length <= SHORT_PAUSE_MS]
        figures = {"pause_cut_in_rate": share(sum(c for c, _ in short), sum(n for _, n in short))}
        return figures | {f"pause_{length}_cut_in_rate": share(*count) for length, count in counts.items()}

    def _barge_in_figures(self) -> dict[str, float]:
        def worst(values: Sequence[float | None]) -> float:
            return max((value for value in values if value is not None), default=math.nan)

        stopped = [b for b in self.barge_ins if b.silent_ms is not None]
        return {
            "barge_in_missed_rate": share(len(self.barge_ins) - len(stopped), len(self.barge_ins)),
            "barge_in_silent_p50_ms": percentile([b.silent_ms for b in stopped if b.silent_ms is not None], 50),
            "barge_in_plain_silent_p50_ms": percentile(
                [b.plain_silent_ms for b in stopped if b.plain_silent_ms is not None], 50
            ),
            "barge_in_decided_p50_ms": percentile([b.decided_ms for b in stopped if b.decided_ms is not None], 50),
            "barge_in_last_packet_max_ms": worst([b.last_packet_ms for b in stopped]),
        }

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON-serialisable values: the figures, and every turn."""
        values = asdict(self)
        for turn in values["turns"]:
            turn["purpose"] = turn["purpose"].value
        return {"label": self.label, "figures": self.figures(), "stages_ms": self.stages_ms(), **values}


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which `percent` of the values lie, interpolated between neighbours; NaN for none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def share(part: float, whole: float) -> float:
    """`part` of `whole`; NaN of nothing."""
    return part / whole if whole else math.nan


def _held(turn: TurnOutcome, limit_ms: float) -> bool:
    """Whether the user waited longer than that; one that was never answered was held as well."""
    return not turn.cut_in and (turn.voice_to_voice_ms is None or turn.voice_to_voice_ms > limit_ms)
