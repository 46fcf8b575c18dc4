"""Ending the benchmark early ends the servers that it began."""

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0


def wait_for_servers(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The benchmark's children, as soon as there are any: one that has only just begun is the hardest to end."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        if children := psutil.Process(process.pid).children(recursive=True):
            return children
        assert process.poll() is None, "the benchmark ended by itself"
    raise AssertionError("no server was started")


@pytest.mark.slow
def test_a_terminated_run_leaves_no_server_behind() -> None:
    command = [sys.executable, "-m", "benchmarks.peers", "--only", "pipecat-embedded", "--turns", "1"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        servers = wait_for_servers(process)
        process.terminate()
        assert process.wait(DEADLINE_S) != 0
    finally:
        process.kill()
    _, left = psutil.wait_procs(servers, timeout=5)
    for server in left:
        server.kill()
    assert not left
