"""What a run found out, as tables and as JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.peers.environment import versions
from benchmarks.peers.roster import Contender
from vivavoce.bench import Report

REAL_ENGINES = ("pipecat-ai", "faster-whisper", "ctranslate2", "openvino", "hibari-tts")
"""The packages of the contenders that run real engines, in vivavoce's environment."""
LEADING_PACKAGES = {"pipecat": "pipecat-ai", "livekit": "livekit-agents"}
HELD_FIGURE = "held_800_rate"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a figure's name, its heading, and how its value is written."""

    figure: str
    heading: str
    form: str = "{:.0f}"


TURN_COLUMNS = (
    Column("p50_ms", "p50 ms"),
    Column("p90_ms", "p90 ms"),
    Column("p95_ms", "p95 ms"),
    Column(HELD_FIGURE, "held over 0.8 s", "{:.0%}"),
    Column("cut_in_rate", "answered while the user spoke", "{:.0%}"),
    Column("no_answer_rate", "not answered", "{:.0%}"),
    Column("pause_cut_in_rate", "cut into at pauses to 0.7 s", "{:.0%}"),
)
LOAD_COLUMNS = (
    Column("p50_ms", "p50 ms"),
    Column("p95_ms", "p95 ms"),
    Column("cpu_s_per_session_s", "CPU s a session's second", "{:.3f}"),
    Column("memory_mb_per_session", "MB a session", "{:.1f}"),
    Column("no_answer_rate", "not answered", "{:.0%}"),
)

Table = list[list[str]]
"""Rows of cells; the first row holds the headings."""


def turns_table(reports: Mapping[Contender, Report]) -> Table:
    """A row for each contender, and the ratio of each of our p50 to its own."""
    figures = {contender: report.figures() for contender, report in reports.items()}
    ours = [contender for contender in reports if not contender.is_peer]
    columns = [column for column in TURN_COLUMNS if any(column.figure in f for f in figures.values())]
    table = [[_corner(reports), "turns", *(c.heading for c in columns), *(f"p50, {c.variant} : it" for c in ours)]]
    for contender, found in figures.items():
        cells = [written(found.get(column.figure), column.form) for column in columns]
        ratios = [ratio(figures[our].get("p50_ms"), found.get("p50_ms")) if contender.is_peer else "" for our in ours]
        table.append([contender.name, str(len(reports[contender].whole)), *cells, *ratios])
    return table


def load_table(reports: Mapping[Contender, Report]) -> Table:
    """A row for each contender and number of sessions."""
    table = [[_corner(reports), "sessions", *(column.heading for column in LOAD_COLUMNS)]]
    for contender, report in reports.items():
        found = report.figures()
        for load in report.loads:
            names = [f"{column.figure}_{load.sessions}_sessions" for column in LOAD_COLUMNS]
            cells = [written(found.get(n), c.form) for n, c in zip(names, LOAD_COLUMNS, strict=True)]
            table.append([contender.name, str(load.sessions), *cells])
    return table


def _corner(contenders: Iterable[Contender]) -> str:
    """The first heading."""
    return "real engines" if any(contender.real_engines for contender in contenders) else ""


def written(value: float | None, form: str) -> str:
    """A figure in a cell; a dash for one that was not measured."""
    return "–" if value is None else form.format(value)


def ratio(first: float | None, second: float | None) -> str:
    """`first` to `second`, empty where there is none."""
    return f"{first / second:.2f}" if first is not None and second else ""


def markdown(table: Table) -> str:
    """The table as Markdown."""
    head, *rows = table
    rule = ["---", *["---:"] * (len(head) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


def describe(contenders: Sequence[Contender], seed: int, noise_dbfs: float) -> str:
    """What was measured where, in a few lines of Markdown."""
    real = any(contender.real_engines for contender in contenders)
    engines = "REAL ENGINES, those of agents/quickstart.yaml" if real else "all engines SIMULATED"
    lines = [f"- {machine()}; seed {seed}, room noise {noise_dbfs:g} dBFS; {engines}"]
    if real:
        return "\n".join([*lines, *(f"- {name} {version}" for name, version in installed().items())])
    for family in dict.fromkeys(contender.family for contender in contenders):
        package = LEADING_PACKAGES.get(family)
        if package is not None:
            lines.append(f"- {package} {versions(family)[package]}")
    return "\n".join(lines)


def installed() -> dict[str, str]:
    """Versions of the packages that run real engines."""
    return {name: metadata.version(name) for name in REAL_ENGINES}


def machine() -> str:
    """Processor, cores and Python."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    return f"{cpu}, {os.cpu_count()} cores, Python {platform.python_version()}"


def as_json(reports: Mapping[Contender, Report]) -> dict[str, Any]:
    """All of it as JSON-serialisable values."""
    real = any(contender.real_engines for contender in reports)
    families = dict.fromkeys(contender.family for contender in reports if contender.is_peer)
    return {
        "machine": machine(),
        "engines": "real" if real else "simulated",
        "versions": {"vivavoce": installed()} if real else {family: versions(family) for family in families},
        "contenders": {
            contender.name: {"settings": contender.settings(), **report.as_json()}
            for contender, report in reports.items()
        },
    }
