"""Who is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers.options import LIVEKIT, PIPECAT

STYLES = ("eager", "balanced")


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: `family` names its environment (`vivavoce`, or a file in `requirements/`), `variant` its settings."""

    family: str
    variant: str

    @property
    def name(self) -> str:
        """As it is written in tables and on the command line."""
        return f"{self.family}-{self.variant}"

    @property
    def is_peer(self) -> bool:
        """Whether it is somebody else's."""
        return self.family != "vivavoce"

    def settings(self) -> dict[str, Any]:
        """What is set for it, as JSON-serialisable values; None is the framework's default."""
        match self.family:
            case "pipecat":
                return asdict(PIPECAT[self.variant])
            case "livekit":
                return asdict(LIVEKIT[self.variant])
        return {"turn": {"style": self.variant}}


CONTENDERS = [
    *(Contender("vivavoce", style) for style in STYLES),
    *(Contender("pipecat", variant) for variant in PIPECAT),
    *(Contender("livekit", variant) for variant in LIVEKIT),
]


def chosen(names: str) -> list[Contender]:
    """The contenders of a comma-separated list, all when it is empty. Raises `ValueError` for an unknown name."""
    if not names:
        return CONTENDERS
    known = {contender.name: contender for contender in CONTENDERS}
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    return [known[name] for name in wanted]
