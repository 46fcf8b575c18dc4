"""`vivavoce deploy --dry-run` of every deployment in `deploy/`: it holds, and it reads well."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from vivavoce.cli.main import create_app
from vivavoce.definition import check_agent
from vivavoce.deployment import load_deployment
from vivavoce_api import Catalog, ConfigurationError

ROOT = Path(__file__).parents[2]
DEPLOYMENTS = sorted((ROOT / "deploy").glob("*.yaml"))

pytestmark = [pytest.mark.slow, pytest.mark.long]


def test_the_deployments_are_there():
    assert {path.name for path in DEPLOYMENTS} >= {"quickstart.yaml", "therapist.yaml", "vllm.yaml"}


@pytest.mark.parametrize("path", DEPLOYMENTS, ids=lambda path: path.stem)
def test_it_is_described(path, monkeypatch):
    for name in ("MODAL_APP_NAME", "VLLM_APP_NAME", "VLLM_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MODAL_USERNAME", "someone")
    agent = ROOT / "agents" / path.name
    if agent.exists() and (missing := check_agent(agent, Catalog.installed()).missing):
        pytest.skip("; ".join(f"needs {one.package}: pip install {one.package}" for one in missing))
    result = CliRunner().invoke(create_app(), ["deploy", str(path), "--dry-run"])
    assert result.exit_code == 0, result.stderr
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Modal app ")
    assert all(line.startswith(("  ", "note: ")) for line in lines[1:])
    assert f"  URL          https://someone--{lines[0].split()[2].rstrip(':')}-" in result.stdout
    assert "    runs       " in result.stdout


def test_the_therapist_answers_at_the_users_address(therapist, monkeypatch):
    monkeypatch.setenv("MODAL_APP_NAME", "my-app")
    loaded = load_deployment(therapist / "deploy/therapist.yaml", Catalog.installed())
    told = loaded.target.describe(loaded.deployment)
    assert "wss://USERNAME--my-app-ultra-fast-voice-agent-web.modal.run/ws" in told


def test_a_label_that_is_too_long_with_the_users_name_is_noted(therapist, monkeypatch):
    monkeypatch.setenv("MODAL_USERNAME", "a-user-with-a-very-long-name")
    loaded = load_deployment(therapist / "deploy/therapist.yaml", Catalog.installed())
    assert "take a shorter MODAL_APP_NAME" in loaded.target.describe(loaded.deployment)


def test_the_server_primitive_needs_a_container_that_always_runs(therapist):
    path = therapist / "deploy/therapist.yaml"
    path.write_text(path.read_text().replace("# server: true", "server: true"))
    with pytest.raises(ConfigurationError, match="server: true needs min_containers: 1 or more"):
        load_deployment(path, Catalog.installed())
