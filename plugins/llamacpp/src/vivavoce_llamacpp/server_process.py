"""The parent's side of the server process: started, watched, started again, ended."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from vivavoce_api.errors import EngineError, EngineUnavailableError

SPIN_COUNT = "20000"
"""Turns that an idle OpenMP thread spins: by default so many that, beside other load, 15 tokens a second fall to 4."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.5, 30.0
STEADY_S = 60.0
"""A server that lived this long is started again without a longer pause than the first."""
END_LIMIT_S = 3.0
MAX_LOG_CHARS = 500


@dataclass(frozen=True, slots=True)
class Address:
    """Where a running server listens, and the key that only its parent knows."""

    url: str
    api_key: str = field(repr=False)


class ServerProcess:
    """A server process that is started again, after a growing pause, whenever it dies.

    Owns one thread, which waits for the process to end; `stop` ends both. The methods may be called from any thread.
    """

    def __init__(self, settings: Mapping[str, Any], start_timeout_s: float) -> None:
        self._settings = settings
        self._start_timeout_s = start_timeout_s
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._address: Address | None = None
        self._watcher = threading.Thread(target=self._watch, name="llamacpp-watch", daemon=True)

    def start(self) -> None:
        """Start the server; blocks until the model is warm. Raises `EngineError` with the server's last words."""
        self._launch()
        self._watcher.start()

    @property
    def address(self) -> Address:
        """Where the server listens. Raises `EngineUnavailableError` while there is none."""
        address, process = self._address, self._process
        if self._stopping.is_set():
            raise EngineUnavailableError("The embedded language model is stopped.", retryable=False)
        if address is None or process is None or process.returncode is not None:
            raise EngineUnavailableError("The embedded language model stopped and is being started again.")
        return address

    @property
    def pid(self) -> int | None:
        """The server's process id, while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def stop(self) -> None:
        """End the process and the thread that watches it; blocks for a moment. Idempotent."""
        with self._lock:
            self._stopping.set()
            process = self._process
        if process is not None:
            _end(process)
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self) -> None:
        pause_s = FIRST_PAUSE_S
        while not self._stopping.is_set():
            began_s = time.monotonic()
            if self._process is not None:
                self._process.wait()
                _end(self._process)
            self._address = None
            if time.monotonic() - began_s > STEADY_S:
                pause_s = FIRST_PAUSE_S
            if self._stopping.wait(pause_s):
                return
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            with contextlib.suppress(EngineError):  # tried again after a longer pause
                self._launch()

    def _launch(self) -> None:
        api_key = secrets.token_urlsafe(32)
        with tempfile.TemporaryFile() as log:
            with self._lock:
                if self._stopping.is_set():
                    return
                process = self._process = _spawn(log)
            url = _url_of(process, {**self._settings, "api_key": api_key}, self._start_timeout_s)
            if url is None:
                _end(process)
                raise EngineError(f"The embedded language model did not start: {_last_words(log)}")
        self._address = Address(url, api_key)


def _spawn(log: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "vivavoce_llamacpp.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env={**os.environ, "GOMP_SPINCOUNT": SPIN_COUNT},
        start_new_session=True,  # Ctrl-C is the parent's to handle
    )


def _url_of(process: subprocess.Popen[bytes], settings: Mapping[str, Any], limit_s: float) -> str | None:
    """Hand the settings over and wait for the address; None where the process ends first or takes too long."""
    assert process.stdin is not None
    assert process.stdout is not None
    too_long = threading.Timer(limit_s, process.kill)
    too_long.start()
    try:
        process.stdin.write(json.dumps(settings).encode() + b"\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except BrokenPipeError:
        return None
    finally:
        too_long.cancel()
    return json.loads(line)["url"] if line else None


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close the process's input, at which it ends; kill it where it doesn't."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(END_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()  # last: a thread that still reads from it holds its lock until the process has ended


def _last_words(log: IO[bytes]) -> str:
    log.seek(0)
    text = " ".join(log.read().decode(errors="replace").split())
    return text[-MAX_LOG_CHARS:] or "it said nothing (out of memory, or llm.start_timeout_s is too short)"
