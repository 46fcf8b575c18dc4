"""A model server in a Modal container: runs its command, and waits until it serves.

Imports the standard library alone: its image holds nothing of vivavoce but this package.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce_api.deployment import ModelService

VARIABLE = "VIVAVOCE_MODAL_SERVE"
"""JSON: the command, and how to know that it serves."""

MAX_REQUESTS = 64
LOOK_EVERY_S = 1.0


def settings_of(service: ModelService, startup_timeout_s: int) -> dict[str, Any]:
    """What `serve` needs to know, as JSON-serialisable values."""
    health = f"http://127.0.0.1:{service.port}{service.health_path}"
    return {"command": list(service.command), "health": health, "startup_s": startup_timeout_s}


def serve() -> None:
    """Start the server and return once its health check answers 200; Modal then lets requests in.

    Raises `RuntimeError` where it ends before that, or takes too long: Modal shows that, and starts another container.
    """
    _start()


def warm() -> str:
    """Start the server once and end it, for `modal run`: fills the volumes with weights and compiled kernels."""
    started_s = time.monotonic()
    process = _start()
    process.terminate()
    process.wait()
    told = f"serving after {time.monotonic() - started_s:.1f} s"
    print(told)
    return told


def _start() -> subprocess.Popen[bytes]:
    settings = json.loads(os.environ[VARIABLE])
    process = subprocess.Popen(settings["command"])
    deadline_s = time.monotonic() + settings["startup_s"]
    while not _answers(settings["health"]):
        if time.monotonic() > deadline_s:
            process.kill()
            process.wait()
            raise RuntimeError(f"the model server did not answer {settings['health']} in {settings['startup_s']} s")
        try:
            code = process.wait(LOOK_EVERY_S)
        except subprocess.TimeoutExpired:
            continue
        raise RuntimeError(f"the model server ended with exit code {code} while it started")
    return process


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
