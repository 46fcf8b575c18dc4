"""`vivavoce run` as a process: it gets ready, says where, and stops cleanly."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

AGENT = Path(__file__).parents[3] / "agents" / "simulated.yaml"


def start(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from vivavoce.cli.main import main; main()", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_comes(number, load_or_skip):
    load_or_skip(AGENT)
    with start("run", AGENT, "--port", 0) as process:
        assert process.stdout is not None
        told = ""
        while "Stop" not in told:
            line = process.stdout.readline()
            assert line, process.communicate()
            told += line
        page = re.search(r"Talk to it +(http://127\.0\.0\.1:\d+)\n", told)
        assert page is not None
        with urllib.request.urlopen(f"{page[1]}/status", timeout=10) as answer:
            assert json.load(answer)["ready"] is True
        process.send_signal(number)
        output, errors = process.communicate(timeout=30)
        assert (process.returncode, output.split()) == (0, ["stopped"])
    assert "simulated is ready." in told
    assert f"ws{page[1].removeprefix('http')}/ws" in told
    assert "stt simulated: ready" in errors
    assert "Traceback" not in errors


@pytest.mark.slow
def test_a_taken_port_is_told_before_anything_loads(load_or_skip):
    load_or_skip(AGENT)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start("run", AGENT, "--port", port) as process:
            output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (1, "")
    assert errors.startswith(f"error: port {port} on 127.0.0.1 is taken by another program\n  fix: --port ")
