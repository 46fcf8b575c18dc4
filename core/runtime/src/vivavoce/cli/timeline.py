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
    """A stage from `start_ms` to `end_ms`, both after the last voiced sample."""

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
    drawn = [Span(label, marks[a], marks[b], style) for label, a, b, style in found if a in marks and b in marks]
    if marks.get("commit", 0.0) > marks.get("first chunk", math.inf):
        drawn.append(Span("held at the gate", marks["first chunk"], marks["commit"], "white"))
    if "first audible" in marks:
        drawn.append(Span("to the client", ready_ms, marks["first audible"], "green"))
    return drawn


def timeline(stages_ms: Mapping[str, float]) -> RenderableType:
    """One row a stage over a common axis in milliseconds, the last voiced sample at 0."""
    rows = spans(stages_ms)
    scale = max([row.end_ms for row in rows] + [1.0]) / WIDTH
    return Group(*[_row(row, scale) for row in rows], _axis(scale))


def _row(row: Span, scale: float) -> Text:
    start = min(max(0, round(row.start_ms / scale)), WIDTH - 1)
    length = max(1, round(row.end_ms / scale) - start)
    bar = " " * start + "█" * length
    return Text.assemble((f"{row.label:<{LABEL_WIDTH}}", "bold"), (bar.ljust(WIDTH), row.style), f" {row.end_ms:5.0f}")


def _axis(scale: float) -> Text:
    """Ticks at round numbers: 50 ms, 100 ms, ... so that four to ten of them fit."""
    step_ms = next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10**9) if WIDTH * scale / step <= 8)
    line = [" "] * (WIDTH + 8)
    for tick in range(int(WIDTH * scale / step_ms) + 1):
        position = round(tick * step_ms / scale)
        for offset, character in enumerate(str(tick * step_ms)):
            line[position + offset] = character
    return Text(f"{'ms':<{LABEL_WIDTH}}" + "".join(line).rstrip(), "dim")
