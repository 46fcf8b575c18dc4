"""What a measurement ran on."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from pathlib import Path

ASKING_S = 10.0


@dataclass(frozen=True, slots=True)
class Machine:
    """The processor, the cores that this process may use, and the names of the graphics cards."""

    cpu: str
    cores: int
    cards: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The card's name, or without one the processor's."""
        return self.cards[0] if self.cards else self.cpu

    def __str__(self) -> str:
        return ", ".join([*self.cards, f"{self.cpu}, {self.cores} cores"])


def machine() -> Machine:
    """This machine. Blocks while the NVIDIA driver, where there is one, is asked for its cards."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Machine(_cpu(Path("/proc/cpuinfo")), cores, _cards())


def _cpu(info: Path) -> str:
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _cards() -> tuple[str, ...]:
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        asked = subprocess.run(command, capture_output=True, text=True, timeout=ASKING_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return tuple(line.strip() for line in asked.stdout.splitlines() if line.strip())
