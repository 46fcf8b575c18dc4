"""The child process: llama.cpp's HTTP server on a free port of this machine, until its parent is gone.

Run by `server_process` as `python -m vivavoce_llamacpp.server`. It reads one JSON line of settings from its standard
input, writes one JSON line with its address once the model is warm, and ends when its input does, which the
kernel sees to even where the parent is killed. (The library holds Python's lock while it loads the model; in those
few seconds the end of the input is noticed late.)
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import threading
from typing import Any

BATCH_TOKENS = 128
"""Prompt tokens read in one go, about a second on two cores; only in between can a request be stopped."""


def main() -> None:
    """Serve until the standard input ends."""
    settings = json.loads(sys.stdin.readline())
    orphaned = threading.Thread(target=_end_with_parent, daemon=True)
    orphaned.start()
    report = os.dup(1)
    os.dup2(2, 1)  # whatever the library prints goes to the log, not between parent and child
    server = _serve(settings)
    os.write(report, json.dumps({"url": server.listening_address}).encode() + b"\n")
    orphaned.join()


def _end_with_parent() -> None:
    sys.stdin.read()
    os._exit(0)  # at once: a generation in progress must not hold the process up


def _serve(settings: dict[str, Any]) -> Any:
    xllamacpp: Any = importlib.import_module("xllamacpp")  # native, without types
    params = xllamacpp.CommonParams()
    params.model.path = settings["model"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context_tokens"] * settings["slots"]  # the library divides it among the slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.n_batch = params.n_ubatch = BATCH_TOKENS
    params.api_keys = [settings["api_key"]]
    params.port = 0
    params.cache_ram_mib = settings["cache_ram_mib"]
    params.ui = False
    params.verbosity = 1  # errors
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
