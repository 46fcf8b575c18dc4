"""Charts as SVG, written by hand: two kinds need no plotting library."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 720, 400
LEFT, RIGHT, TOP, BOTTOM = 64, 24, 48, 56
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#7f7f7f")
TICKS = 6


def latency_chart(latencies_ms: Mapping[str, Sequence[float | None]], note: str = "") -> str:
    """For each label the share of its turns that were answered within each latency, as SVG.

    None is a turn that was not answered after its end: a curve stays below 100% by these. `note` goes with the title.
    """
    longest_ms = max((value for values in latencies_ms.values() for value in values if value is not None), default=1.0)
    title = f"Turns answered within{note}"
    axes = _Axes(title, "voice-to-voice latency, ms", "share of turns, %", longest_ms, 100.0)
    parts = []
    for index, (label, values) in enumerate(latencies_ms.items()):
        ordered = sorted(value for value in values if value is not None)
        steps = [(0.0, 0.0)]
        for count, value in enumerate(ordered, 1):
            steps += [(value, steps[-1][1]), (value, 100 * count / len(values))]
        points = " ".join(f"{axes.x(x):.1f},{axes.y(y):.1f}" for x, y in [*steps, (axes.right, steps[-1][1])])
        colour = COLOURS[index % len(COLOURS)]
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(_legend(index, label, colour))
    return axes.svg(parts)


def trade_off_chart(points: Mapping[str, tuple[float, float]], note: str = "") -> str:
    """For each label its median latency in ms and its share of false cut-ins (0 to 1), as SVG: lower left is best."""
    slowest_ms = max((ms for ms, _ in points.values()), default=1.0)
    highest = max((100 * rate for _, rate in points.values()), default=1.0)
    title = f"Speed against politeness{note}"
    axes = _Axes(title, "median voice-to-voice, ms", "false cut-ins, %", slowest_ms, highest)
    parts = []
    for index, (label, (ms, rate)) in enumerate(points.items()):
        x, y, colour = axes.x(ms), axes.y(100 * rate), COLOURS[index % len(COLOURS)]
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6" fill="{colour}"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 11:.1f}" text-anchor="middle">{escape(label)}</text>')
    return axes.svg(parts)


class _Axes:
    """A frame from 0 to a round number above the largest value, with grid lines."""

    def __init__(self, title: str, x_title: str, y_title: str, largest_x: float, largest_y: float) -> None:
        self._titles = title, x_title, y_title
        self._x_step, self._y_step = round_step(largest_x), round_step(largest_y)
        self.right = self._x_step * TICKS
        self._top = min(self._y_step * TICKS, 100.0)

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * value / self.right

    def y(self, value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / self._top

    def svg(self, parts: Sequence[str]) -> str:
        title, x_title, y_title = (escape(words) for words in self._titles)
        bottom, middle = HEIGHT - BOTTOM, HEIGHT / 2
        lines = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{title}"'
            ' font-family="system-ui, sans-serif" font-size="12" fill="#333">',
            f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
            f'<text x="{LEFT}" y="24" font-size="15" font-weight="600">{title}</text>',
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 14}" text-anchor="middle">{x_title}</text>',
            f'<text transform="translate(18 {middle}) rotate(-90)" text-anchor="middle">{y_title}</text>',
        ]
        for tick in range(TICKS + 1):
            value, x = tick * self._x_step, self.x(tick * self._x_step)
            lines.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{bottom}" stroke="#e4e4e4"/>')
            lines.append(f'<text x="{x:.1f}" y="{bottom + 18}" text-anchor="middle">{value:g}</text>')
            value = tick * self._y_step
            if value <= self._top:
                y = self.y(value)
                lines.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#e4e4e4"/>')
                lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        return "\n".join([*lines, *parts, "</svg>", ""])


def round_step(largest: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that covers `largest` in six steps."""
    power = 1e-3
    while True:
        for factor in (1, 2, 2.5, 5):
            if factor * power * TICKS >= largest:
                return factor * power
        power *= 10


def _legend(index: int, label: str, colour: str) -> str:
    y = HEIGHT - BOTTOM - 16 - 18 * index
    x = WIDTH - RIGHT - 12
    return f'<text x="{x}" y="{y}" text-anchor="end" fill="{colour}" font-weight="600">{escape(label)}</text>'
