"""What others published, to be printed beside what was measured here."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.bench.engines.table import Cells


@dataclass(frozen=True, slots=True)
class Published:
    """A measurement from a model's own authors: time from text to first packet, and real-time factor."""

    model: str
    card: str
    mode: str
    first_packet_ms: float
    real_time_factor: float


PUBLISHED = {
    "voxtream": (
        Published("VoXtream 1", "A100", "plain", 176, 1.00),
        Published("VoXtream 1", "A100", "compiled", 102, 0.17),
        Published("VoXtream 1", "RTX 3090", "compiled", 123, 0.19),
        Published("VoXtream 2", "RTX 3090", "plain", 74, 0.256),
        Published("VoXtream 2", "RTX 3090", "compiled", 63, 0.173),
    )
}
"""By plugin. VoXtream's are those that its authors published: one stream, trained weights."""


def published_table(plugin: str) -> Cells | None:
    """What was published about a plugin's model; None where nothing is known here."""
    rows = PUBLISHED.get(plugin)
    if rows is None:
        return None
    head = ["published", "card", "mode", "first packet, ms", "real-time factor"]
    return [head, *([r.model, r.card, r.mode, f"{r.first_packet_ms:.0f}", f"{r.real_time_factor:g}"] for r in rows)]
