"""Limits that a measurement has to keep, for other people's CI: `p50_ms=200,cut_in_rate=0.05`."""

from __future__ import annotations

import math
from collections.abc import Mapping

from vivavoce_api import ConfigurationError


def parse_gates(text: str) -> dict[str, float]:
    """Limits by the name of a figure. Raises `ConfigurationError` for anything but name=number pairs."""
    gates: dict[str, float] = {}
    for pair in text.split(","):
        name, _, limit = pair.partition("=")
        try:
            gates[name.strip()] = float(limit)
        except ValueError:
            gates[name.strip()] = math.nan
        if not name.strip() or math.isnan(gates[name.strip()]):
            raise ConfigurationError(
                f"a gate is NAME=NUMBER, not '{pair.strip()}'", fix="--gate p50_ms=200,cut_in_rate=0.05"
            )
    return gates


def missed_gates(gates: Mapping[str, float], figures: Mapping[str, float]) -> list[str]:
    """A line for each figure above its limit, and for each that was not measured."""
    lines = []
    for name, limit in gates.items():
        if name not in figures:
            lines.append(f"{name} was not measured; what was: {', '.join(figures)}")
        elif figures[name] > limit:
            lines.append(f"{name} is {figures[name]:g}, above {limit:g}")
    return lines
