"""Who is measured."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.peers.options import LIVEKIT, PIPECAT, WHISPER_COMPUTE_TYPE

UNRECORDED = {"plugin": "simulated", "pass_ms": 30, "partial_every_ms": 150}
"""Speech-to-text as in `agents/simulated.yaml`, but nothing of what a transcriber found in the clips' sound."""
VIVAVOCE: dict[str, dict[str, Any]] = {
    "eager": {"turn": {"style": "eager"}},
    "balanced": {"turn": {"style": "balanced"}},
    "patient": {"turn": {"style": "patient"}},
    # The model that judges the words runs on this machine, in the time that it takes there.
    "live": {"turn": {"style": "eager"}, "completeness": {"plugin": "openvino", "model": "qwen2.5-coder-1.5b"}},
    # As the peers do it, no language model judges whether the words are complete.
    "sound": {
        "stt": UNRECORDED,
        "turn": {"style": "balanced"},
        "completeness": None,
        "turn_detector": {"plugin": "smart-turn"},
    },
    # As the peers' variants of that name: nothing but silence decides.
    "vad": {
        "stt": UNRECORDED,
        "turn": {"style": "eager", "max_silence_ms": 300},
        "completeness": None,
        "turn_detector": None,
    },
}


@dataclass(frozen=True, slots=True)
class Contender:
    """A server: `family` names its environment (`vivavoce`, or a file in `requirements/`), `variant` its settings.

    One with `real_engines` runs those of `agents/quickstart.yaml`, in vivavoce's environment.
    """

    family: str
    variant: str
    real_engines: bool = False

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
            case "pipecat" if self.real_engines:
                return {**asdict(PIPECAT["stock"]), "whisper_compute_type": WHISPER_COMPUTE_TYPE}
            case "vivavoce" if self.real_engines:
                return {}
            case "pipecat":
                return asdict(PIPECAT[self.variant])
            case "livekit":
                return asdict(LIVEKIT[self.variant])
        return VIVAVOCE[self.variant]


CONTENDERS = [
    *(Contender("vivavoce", variant) for variant in VIVAVOCE),
    *(Contender("pipecat", variant) for variant in PIPECAT),
    *(Contender("livekit", variant) for variant in LIVEKIT),
]
EMBEDDED = [
    Contender("vivavoce", "quickstart", real_engines=True),
    Contender("pipecat", "embedded", real_engines=True),
]
"""On request only: they are measured with each other."""


def chosen(names: str) -> list[Contender]:
    """The contenders of a comma-separated list, all simulated ones when it is empty.

    Raises `ValueError` for an unknown name, and where real and simulated engines would meet.
    """
    if not names:
        return CONTENDERS
    known = {contender.name: contender for contender in [*CONTENDERS, *EMBEDDED]}
    wanted = [name.strip() for name in names.split(",")]
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise ValueError(f"unknown: {', '.join(unknown)}; known: {', '.join(known)}")
    contenders = [known[name] for name in wanted]
    if len({contender.real_engines for contender in contenders}) > 1:
        real = ", ".join(contender.name for contender in EMBEDDED)
        raise ValueError(f"{real} run real engines, all others simulated ones: measure them apart")
    return contenders
