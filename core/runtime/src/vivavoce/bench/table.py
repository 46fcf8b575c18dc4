"""Reports as tables for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from vivavoce.bench.report import HELD_MS, SHORT_PAUSE_MS, Report

LATENCY_ROWS = {"p50_ms": "voice to voice, p50", "p90_ms": "p90", "p95_ms": "p95"}
RATE_ROWS = {
    "cut_in_rate": "answered while the user still spoke",
    **{f"held_{ms}_rate": f"held over {ms / 1000:g} s (or not answered)" for ms in HELD_MS},
    "no_answer_rate": "not answered",
    "pause_cut_in_rate": f"cut into at pauses up to {SHORT_PAUSE_MS} ms",
    "fault_rate": "wrong order, errors",
}
REST_ROWS = {
    "wasted_replies_per_turn": ("replies prepared in vain, a turn", "{:.1f}"),
    "wasted_pieces_per_turn": ("pieces of text in vain, a turn", "{:.1f}"),
    "wasted_audio_ms_per_turn": ("sound in vain, a turn", "{:.0f} ms"),
    "barge_in_silent_p50_ms": ("interrupted: silent after", "{:.0f} ms"),
    "barge_in_plain_silent_p50_ms": ("  for a client without events", "{:.0f} ms"),
    "barge_in_decided_p50_ms": ("  decided after", "{:.0f} ms"),
    "barge_in_last_packet_max_ms": ("  last sound after the decision, worst", "{:.0f} ms"),
    "barge_in_missed_rate": ("  not stopped", "{:.0%}"),
    "client_late_ms": ("the client itself was late, worst", "{:.1f} ms"),
}
LOAD_ROWS = {
    "p50_ms": ("p50", "{:.0f} ms"),
    "p95_ms": ("p95", "{:.0f} ms"),
    "cpu_s_per_session_s": ("CPU seconds a session's second", "{:.3f}"),
    "memory_mb_per_session": ("memory a session", "{:.1f} MB"),
    "no_answer_rate": ("not answered", "{:.0%}"),
}
SIMULATED = "simulated"


def report_table(reports: Sequence[Report]) -> Table:
    """A row for each figure, a column for each report; with two reports their ratio, the first to the second."""
    table = _table(title_of(reports), [report.label for report in reports], ratio=len(reports) == 2)
    figures = [report.figures() for report in reports]
    for key, label in LATENCY_ROWS.items():
        _row(table, label, [f.get(key) for f in figures], "{:.0f} ms")
    table.add_section()
    for key, label in RATE_ROWS.items():
        _row(table, label, [f.get(key) for f in figures], "{:.1%}")
    table.add_section()
    for key, (label, form) in REST_ROWS.items():
        _row(table, label, [f.get(key) for f in figures], form)
    for count in sorted({load.sessions for report in reports for load in report.loads}):
        table.add_section()
        for key, (label, form) in LOAD_ROWS.items():
            values = [f.get(f"{key}_{count}_sessions") for f in figures]
            _row(table, f"{count} sessions: {label}", values, form)
    return table


def pauses_table(reports: Sequence[Report]) -> Table:
    """False cut-ins by the length of the pause in mid-sentence."""
    table = _table("cut into at a pause in mid-sentence", [report.label for report in reports])
    counts = [report.pause_counts() for report in reports]
    for length in sorted({length for count in counts for length in count}):
        cells = [f"{count[length][0]} of {count[length][1]}" if length in count else "" for count in counts]
        table.add_row(f"{length} ms", *cells)
    return table


def stages_table(report: Report) -> Table | None:
    """Where the median turn's time went; None where the server doesn't tell."""
    stages = report.stages_ms()
    if not stages:
        return None
    table = _table(f"{report.label}: after the last voiced sample, median", ["at"])
    for name, at_ms in stages.items():
        table.add_row(name, f"{at_ms:.0f} ms")
    return table


def title_of(reports: Sequence[Report]) -> str:
    """What was measured; engines that only pretend are named as such."""
    first = reports[0]
    answered = " / ".join(f"{len(report.latencies_ms)} of {len(report.whole)}" for report in reports)
    title = f"{answered} turns answered, room noise {first.noise_dbfs:g} dBFS, seed {first.seed}"
    if first.virtual_time:
        title += "\nVIRTUAL TIME: only stated times and the runtime's waiting count, no machine's work"
    for report in reports:
        pretended = [section for section, label in report.engines.items() if label == SIMULATED]
        if pretended:
            title += f"\n{report.label}: {', '.join(pretended)} SIMULATED"
    return title


def _table(title: str, columns: Sequence[str], *, ratio: bool = False) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    if ratio:
        table.add_column("ratio", justify="right", style="bold")
    return table


def _row(table: Table, label: str, values: Sequence[float | None], form: str) -> None:
    if all(value is None for value in values):
        return
    cells = ["–" if value is None else form.format(value) for value in values]
    if len(values) == 2:
        cells.append(_ratio(values[0], values[1]))
    table.add_row(label, *cells)


def _ratio(first: float | None, second: float | None) -> str:
    if first is None or not second or math.isnan(second):
        return ""
    return f"{first / second:.2f}"
