"""What the doctor finds, for machines that we make up."""

from __future__ import annotations

import json
import socket
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vivavoce.cli import checkup
from vivavoce.cli.checkup import GIBIBYTE, Finding
from vivavoce.cli.main import create_app
from vivavoce_api import BrokenPlugin, Catalog, PrerequisiteError


def test_python():
    assert checkup.python_finding((3, 11, 7)).state == "ok"
    old = checkup.python_finding((3, 10, 1))
    assert (old.state, old.fix) == ("wrong", "make clean setup PYTHON=python3.11")
    assert "3.11 or newer is needed" in old.text


def test_libopus(monkeypatch):
    assert checkup.libopus_finding().state == "ok"

    def missing() -> None:
        raise PrerequisiteError("libopus was not found", fix="pip install av")

    monkeypatch.setattr(checkup, "load_opuslib", missing)
    assert checkup.libopus_finding() == Finding("libopus", "wrong", "libopus was not found", "pip install av")


def test_an_installation_without_engines():
    empty = Catalog(broken=[BrokenPlugin("vivavoce-egg", "ImportError: shell")])
    findings = list(checkup.engine_findings(empty))
    assert [finding.subject for finding in findings] == ["stt", "llm", "tts", "vad", "plugin"]
    assert all(finding.state == "wrong" and finding.fix for finding in findings)
    assert findings[-1].text == "vivavoce-egg does not work: ImportError: shell"


@pytest.mark.parametrize(
    ("script", "state", "words"),
    [
        ("echo 'NVIDIA H100, 81559 MiB, 550.1'", "ok", "NVIDIA H100, 81559 MiB"),
        ("exit 9", "note", "nvidia-smi fails: CalledProcessError"),
        ("true", "note", "none found"),
        (None, "note", "none found"),
    ],
)
def test_gpu(tmp_path, monkeypatch, script, state, words):
    if script is not None:
        program = tmp_path / "nvidia-smi"
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path))
    found = checkup.gpu_finding()
    assert found.state == state
    assert words in found.text


def test_memory_cores_and_disk():
    assert checkup.memory_finding(8 * GIBIBYTE) == Finding("memory", "ok", "8.0 GiB")
    assert checkup.memory_finding(GIBIBYTE).text == "1.0 GiB; the quickstart agent wants 3 GiB"
    assert checkup.memory_finding(None).state == "note"
    assert (checkup.cpu_finding(2).state, checkup.cpu_finding(1).state) == ("ok", "note")
    full = checkup.disk_finding(Path("/cache"), GIBIBYTE // 2)
    assert full.text == "0.5 GiB free for weights in /cache; the embedded models want 1 GiB"
    assert full.fix == "export VIVAVOCE_CACHE=/a/larger/folder"
    assert checkup.disk_finding(Path("/cache"), 2 * GIBIBYTE).state == "ok"


def test_a_taken_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = checkup.port_finding(port)
    assert found.state == "note"
    assert found.text.startswith(f"{port} can't be used: ")
    assert found.fix is not None
    assert found.fix.startswith("vivavoce run AGENT.yaml --port ")
    assert checkup.port_finding(port).state == "ok"


@pytest.mark.parametrize(("state", "code"), [("note", 0), ("wrong", 1)])
def test_the_command(monkeypatch, state, code):
    finding = Finding("weather", state, "rains", "take an umbrella")
    monkeypatch.setattr(checkup, "all_findings", lambda port: [finding])
    result = CliRunner().invoke(create_app(), ["doctor"])
    assert result.exit_code == code
    assert result.stdout.splitlines() == [f"{state:<6}weather     rains", " " * 18 + "fix: take an umbrella"]
    result = CliRunner().invoke(create_app(), ["doctor", "--json"])
    assert json.loads(result.stdout) == [
        {"subject": "weather", "state": state, "text": "rains", "fix": "take an umbrella"}
    ]


def test_this_machine_has_findings_for_everything():
    subjects = {finding.subject for finding in checkup.all_findings(8000)}
    assert subjects >= {"Python", "libopus", "stt", "llm", "tts", "vad", "GPU", "CPU", "memory", "disk", "port"}
