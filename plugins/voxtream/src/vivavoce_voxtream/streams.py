"""How many replies can be spoken at a time: from the YAML, or from the GPU's free memory."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping

from vivavoce_voxtream.options import VoxtreamOptions

STREAM_MIB = 2_300
"""GPU memory of one generator: 2.2 GB (VoXtream's README) and a little."""
KEPT_FREE_MIB = 1_000
MOST = 4
"""A stream takes 0.17 (compiled) to 0.26 (plain) seconds of an RTX 3090 for a second of sound, as published: beyond 4
computing time runs out, not memory. Say `streams: N` where you have measured more."""


def worker_count(options: VoxtreamOptions) -> int:
    """Worker processes for these options. Asks `nvidia-smi` where they say `auto`; blocks for a moment."""
    if options.streams != "auto":
        return options.streams
    free_mib = free_gpu_memory_mib(os.environ)
    return 1 if free_mib is None else max(1, min(MOST, (free_mib - KEPT_FREE_MIB) // STREAM_MIB))


def free_gpu_memory_mib(environ: Mapping[str, str]) -> int | None:
    """Free memory of the first GPU that CUDA would use; None where there is none. Imports no CUDA."""
    visible = environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None and visible.split(",")[0].strip() in ("", "-1"):
        return None
    command = ["nvidia-smi", "--query-gpu=memory.free", "--format=csv,noheader,nounits"]
    if visible is not None:
        command += ["-i", visible.split(",")[0].strip()]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return int(result.stdout.splitlines()[0])
    except (OSError, subprocess.SubprocessError, ValueError, IndexError):
        return None
