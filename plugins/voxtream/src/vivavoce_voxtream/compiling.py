"""Compiling before anybody waits for it: in `vivavoce prepare` and in image builds."""

# pyright: reportMissingImports=false
# (torch is in the environment of the worker)

from __future__ import annotations

import gc
import hashlib
from collections.abc import Callable
from pathlib import Path

from vivavoce_api import Progress
from vivavoce_voxtream.configuration import MODEL_REPOSITORY
from vivavoce_voxtream.options import VoxtreamOptions

MAX_AUTOTUNE = "max-autotune"


def compile_ahead(options: VoxtreamOptions, load_and_warm: Callable[[], None], progress: Progress) -> None:
    """Load, warm and drop the model once for each GPU, so that its compiled kernels lie in the cache folder.

    Does nothing without a GPU, and in the modes that compile nothing. Blocks, for minutes the first time.
    """
    if not (options.compile and options.compile_mode == MAX_AUTOTUNE):
        return
    machine = gpu()
    if machine is None:
        return
    marker = marker_of(options, machine)
    if marker.exists():
        return
    progress(f"compiling for {machine}: this takes minutes, once")
    load_and_warm()
    gc.collect()  # the dropped model holds on to itself, and to its GPU memory
    marker.parent.mkdir(parents=True, exist_ok=True)
    marker.touch()


def gpu() -> str | None:
    """The GPU and the torch that kernels are compiled for; None where there is none. Imports torch."""
    import torch

    if not torch.cuda.is_available():
        return None
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"


def marker_of(options: VoxtreamOptions, machine: str) -> Path:
    """The file that says that all was compiled for this machine."""
    what = f"{machine}; {options.model}; {MODEL_REPOSITORY}; {options.speaking_rate is None}"
    return options.cache_folder / f"compiled-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
