"""Reports as files that are kept: one for people, one for programs."""

from __future__ import annotations

import json
import re
from pathlib import Path

from vivavoce.bench.engines.machine import Machine
from vivavoce.bench.engines.report import EngineReport
from vivavoce.bench.engines.table import Cells, markdown_table, report_cells

_NOT_IN_NAMES = re.compile(r"(\((r|tm)\)|[^a-z0-9.])+")


def write_results(folder: Path, report: EngineReport, on: Machine, published: Cells | None = None) -> Path:
    """Write `<date>-<section>-<engine>-<machine>.md` and `.json`, replacing those of the same name; returns the first.

    Makes the folder where it is missing. Blocks. Raises `OSError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = (f"{report.began:%Y-%m-%d}", report.section, report.engine, on.name)
    path = folder / ("-".join(_slug(word) for word in words) + ".md")
    title = f"# `vivavoce bench {report.section}`: {report.engine}"
    parts = [title, _facts(report), markdown_table(report_cells(report))]
    if published is not None:
        parts += ["Published by the model's authors, with trained weights:", markdown_table(published)]
    parts += [f"- {message}" for message in dict.fromkeys(m for line in report.lines for m in line.failures)]
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    path.with_suffix(".json").write_text(json.dumps(report.as_json(), indent=1, ensure_ascii=False), encoding="utf-8")
    return path


def _facts(report: EngineReport) -> str:
    facts = [f"{report.began:%Y-%m-%d %H:%M}", report.machine, report.method, report.note]
    return "\n".join(f"- {fact}" for fact in facts if fact)


def _slug(words: str) -> str:
    return _NOT_IN_NAMES.sub("-", words.lower()).strip("-.")
