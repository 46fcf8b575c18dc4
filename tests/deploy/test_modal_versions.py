"""The oldest Modal that is supported, and one between: the hook and the app hold for them too."""

from __future__ import annotations

import subprocess

import pytest
from environments import deployer_in

pytestmark = [pytest.mark.slow, pytest.mark.long]


@pytest.mark.parametrize("version", ["1.4.3", "1.5.4"])
def test_the_agent_and_the_model_server_are_deployed(version, wheels, plane, environment, therapist, tmp_path):
    python = deployer_in(tmp_path / "venv", wheels, modal=version)
    found = subprocess.run([python, "-m", "modal", "--version"], capture_output=True, text=True, check=True).stdout
    assert version in found
    for name in ("vllm", "therapist"):
        command = [python, "-m", "modal", "deploy", f"deploy/{name}.yaml"]
        done = subprocess.run(command, cwd=therapist, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr + done.stdout
    assert plane.refused == []
    assert [one.name for one in plane.published] == ["therapist-vllm", "therapist-voice-chat"]
    web = plane.function("ultra-fast-voice-agent-web")
    assert web.webhook_config.requested_suffix == "therapist-voice-chat-ultra-fast-voice-agent-web"
