"""Reports as tables: cells first, so that a terminal and Markdown show the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.table import Table

from vivavoce.bench.engines.report import EngineReport

Cells = list[list[str]]
"""Rows of cells; the first row holds the headings."""

ROWS = {
    "tts": {
        "first_chunk_ms": ("first chunk, p50", "{:.0f} ms"),
        "first_chunk_p95_ms": ("  p95", "{:.0f} ms"),
        "first_audible_ms": ("first audible sample, p50", "{:.0f} ms"),
        "first_audible_p95_ms": ("  p95", "{:.0f} ms"),
        "whole_text_first_chunk_ms": ("text at once: first chunk, p50", "{:.0f} ms"),
        "real_time_factor": ("real-time factor, p50", "{:.3f}"),
        "gap_p99_ms": ("gap between chunks, p99", "{:.0f} ms"),
        "underruns_per_reply": ("underruns a reply", "{:.2f}"),
    },
    "stt": {
        "final_p50_ms": ("final transcript, p50", "{:.0f} ms"),
        "final_p95_ms": ("  p95", "{:.0f} ms"),
        "word_error_rate": ("word error rate", "{:.1%}"),
    },
    "llm": {
        "prompt_tokens": ("tokens in", "{:.0f}"),
        "cold_first_token_ms": ("cold: first token, p50", "{:.0f} ms"),
        "cold_first_token_p95_ms": ("  p95", "{:.0f} ms"),
        "cold_first_clause_ms": ("  first clause, p50", "{:.0f} ms"),
        "warm_first_token_ms": ("warm: first token, p50", "{:.0f} ms"),
        "warm_first_token_p95_ms": ("  p95", "{:.0f} ms"),
        "warm_first_clause_ms": ("  first clause, p50", "{:.0f} ms"),
        "tokens_per_s": ("tokens a second, p50", "{:.0f}"),
    },
}
"""For each section: figure, heading, form."""


def report_cells(report: EngineReport) -> Cells:
    """A row for each figure that was measured at all, a column for each line; the last row counts failures."""
    cells = [["", *(line.label for line in report.lines)]]
    for name, (heading, form) in ROWS[report.section].items():
        found = [line.figures.get(name, math.nan) for line in report.lines]
        if not all(math.isnan(value) for value in found):
            cells.append([heading, *(_written(value, form) for value in found)])
    if any(line.failures for line in report.lines):
        cells.append(["failed", *(str(len(line.failures)) for line in report.lines)])
    return cells


def rich_table(cells: Cells, title: str = "") -> Table:
    """The cells for a terminal."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title or None, title_justify="left")
    for index, heading in enumerate(cells[0]):
        table.add_column(heading, justify="left" if index == 0 else "right")
    for row in cells[1:]:
        table.add_row(*row)
    return table


def markdown_table(cells: Cells) -> str:
    """The cells as Markdown."""
    head, *rows = cells
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join(_markdown_row(row) for row in (head, rule, *rows))


def _markdown_row(row: Sequence[str]) -> str:
    return "| " + " | ".join(cell.strip() for cell in row) + " |"


def _written(value: float, form: str) -> str:
    return "–" if math.isnan(value) else form.format(value)
