"""What the benchmark of an engine found."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Line:
    """What was found in one setting: `label` names it for people (`2 streams`), `suffix` for gates (`_2_streams`).

    A figure that could not be measured is NaN. `failures` are the messages of attempts that gave no figures.
    """

    label: str
    figures: Mapping[str, float] = field(default_factory=dict)
    suffix: str = ""
    failures: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineReport:
    """One run. `section` is the YAML's (`stt`, `llm`, `tts`), `engine` names what was measured, `method` says how."""

    section: str
    engine: str
    machine: str
    method: str
    lines: list[Line]
    note: str = ""
    began: datetime.datetime = field(default_factory=lambda: datetime.datetime.now().astimezone())

    def figures(self) -> dict[str, float]:
        """All figures by the names that gates use; what was not measured is left out."""
        return {
            name + line.suffix: value
            for line in self.lines
            for name, value in line.figures.items()
            if not math.isnan(value)
        }

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON-serialisable values; null where a figure was not measured."""
        lines = [asdict(line) for line in self.lines]
        for line in lines:
            line["figures"] = {name: None if math.isnan(v) else v for name, v in line["figures"].items()}
        return asdict(self) | {"began": self.began.isoformat(timespec="seconds"), "lines": lines}
