"""What is set for each peer, and its command line. Imports nothing of any framework."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PipecatSettings:
    """`None` leaves the framework's default."""

    vad_stop_s: float | None = None
    smart_turn: bool = True
    smart_turn_stop_s: float | None = None
    speech_timeout_s: float | None = None
    stream_tokens: bool = False


@dataclass(frozen=True, slots=True)
class LiveKitSettings:
    """`None` leaves the framework's default."""

    turn_detector: bool = True
    endpointing_s: tuple[float, float] | None = None
    preemptive_speech: bool = False
    aec_warmup: bool = True


PIPECAT = {
    "stock": PipecatSettings(),
    "tuned": PipecatSettings(vad_stop_s=0.1, smart_turn_stop_s=0.8, stream_tokens=True),
    "vad": PipecatSettings(smart_turn=False, speech_timeout_s=0.0, stream_tokens=True),
}
WHISPER_COMPUTE_TYPE = "int8"
"""Of `pipecat-embedded`. Pipecat's default becomes float32 on a CPU: the same words, in nearly twice the time."""
LIVEKIT = {
    "stock": LiveKitSettings(),
    "tuned": LiveKitSettings(endpointing_s=(0.1, 0.8), preemptive_speech=True, aec_warmup=False),
    "vad": LiveKitSettings(turn_detector=False, endpointing_s=(0.1, 0.8), preemptive_speech=True, aec_warmup=False),
}


@dataclass(frozen=True, slots=True)
class ServerArguments:
    """How a peer's server is started."""

    variant: str
    agent: Path
    script: Path
    port: int


def parse_server_arguments(variants: list[str]) -> ServerArguments:
    """The command line of a peer's server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("variant", choices=variants)
    parser.add_argument("--agent", type=Path, required=True, help="YAML of the simulated agent")
    parser.add_argument("--script", type=Path, required=True, help="what speech-to-text knows beforehand, as JSON")
    parser.add_argument("--port", type=int, required=True)
    given = parser.parse_args()
    return ServerArguments(given.variant, given.agent, given.script, given.port)
