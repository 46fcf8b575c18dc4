"""The timeline of a turn: which stage worked when, drawn with characters."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.text import Text

WIDTH = 64
LABEL_WIDTH = 17


@dataclass(frozen=True, slots=True)
class Span:
    """A stage from `start_ms` to `end_ms`, both after the last voiced sample (negative: before it)."""

    label: str
    start_ms: float
    end_ms: float
    style: str


def spans(stages_ms: Mapping[str, float]) -> list[Span]:
    """What ran between the marks of `TurnLatency.stages_ms`; stages without both their marks are left out."""
    marks = {"voice ends": 0.0, **stages_ms}
    ready_ms = max(marks.get("first chunk", 0.0), marks.get("commit", 0.0))
    found = [
        ("speech-to-text", "voice ends", "transcript", "cyan"),
        ("language model", "transcript", "first token", "blue"),
        ("text-to-speech", "first token", "first chunk", "magenta"),
        ("turn decided", "voice ends", "commit", "yellow"),
    ]
    drawn = [
        Span(label, min(marks[a], marks[b]), marks[b], style)
        for label, a, b, style in found
        if a in marks and b in marks
    ]
    if marks.get("commit", 0.0) > marks.get("first chunk", math.inf):
        drawn.append(Span("held at the gate", marks["first chunk"], marks["commit"], "white"))
    if "first audible" in marks:
        drawn.append(Span("to the client", ready_ms, marks["first audible"], "green"))
    return drawn


def timeline(stages_ms: Mapping[str, float]) -> RenderableType:
    """One row a stage over a common axis in milliseconds, the last voiced sample at 0."""
    rows = spans(stages_ms)
    axis = _Axis(min([row.start_ms for row in rows] + [0.0]), max([row.end_ms for row in rows] + [1.0]))
    return Group(*[_row(row, axis) for row in rows], axis.drawn())


@dataclass(frozen=True, slots=True)
class _Axis:
    """`WIDTH` characters from the first to the last millisecond."""

    first_ms: float
    last_ms: float

    @property
    def scale(self) -> float:
        """Milliseconds a character."""
        return (self.last_ms - self.first_ms) / WIDTH

    def place(self, at_ms: float) -> int:
        """The character at which this moment stands."""
        return round((at_ms - self.first_ms) / self.scale)

    def drawn(self) -> Text:
        """Ticks at round numbers: 50 ms, 100 ms, ... so that four to ten of them fit."""
        span_ms = self.last_ms - self.first_ms
        step_ms = next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**9) if span_ms / step <= 8)
        line = [" "] * (WIDTH + 8)
        for tick in range(math.ceil(self.first_ms / step_ms), int(self.last_ms / step_ms) + 1):
            for offset, character in enumerate(str(tick * step_ms)):
                line[self.place(tick * step_ms) + offset] = character
        return Text(f"{'ms':<{LABEL_WIDTH}}" + "".join(line).rstrip(), "dim")


def _row(row: Span, axis: _Axis) -> Text:
    start = min(axis.place(row.start_ms), WIDTH - 1)
    length = max(1, axis.place(row.end_ms) - start)
    bar = " " * start + "█" * length
    return Text.assemble((f"{row.label:<{LABEL_WIDTH}}", "bold"), (bar.ljust(WIDTH), row.style), f" {row.end_ms:5.0f}")
