"""Modal's other commands with a YAML file, and what a person is told when something is missing."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.long]

UPDATE_S = 20
ATTEMPTS = 6


def test_run_loads_the_agent_once_in_its_container(modal, plane, therapist):
    done = modal("run", "deploy/therapist.yaml", cwd=therapist)
    assert done.returncode == 0, done.stderr
    assert plane.refused == []
    assert plane.started == ["warm"]
    assert plane.function("warm").module_name == "vivavoce_modal.container"


def test_shell_opens_the_image_of_the_agent(modal, plane, therapist):
    done = modal("shell", "deploy/therapist.yaml", cwd=therapist)
    assert [name.removesuffix("V2") for name in plane.refused[:1]] == ["SandboxCreate"], done.stderr + done.stdout
    assert "vivavoce prepare" in plane.commands(plane.last_refused.definition.image_id)[-1]


def test_serve_reloads_when_the_agent_its_files_or_the_deployment_are_edited(plane, environment, therapist):
    command = [sys.executable, "-m", "modal", "serve", "deploy/therapist.yaml"]
    with subprocess.Popen(command, cwd=therapist, env=environment, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout is not None
            while "Watching" not in serving.stdout.readline():
                assert serving.poll() is None, "modal serve ended"
            for file, old, new in [
                ("agents/therapist.yaml", "You are a calm", "You are a very calm"),
                ("agents/words.json", "[]", '[[{"word": "Hello.", "end_ms": 300}]]'),
                ("deploy/therapist.yaml", "call_timeout_s: 3600", "call_timeout_s: 1800"),
            ]:
                plane.updated.clear()
                path = therapist / file
                path.write_text(path.read_text().replace(old, new))
                for _ in range(ATTEMPTS):
                    if plane.updated.wait(UPDATE_S):
                        break
                    path.touch()  # the first edit may have come before Modal began to watch
                assert plane.updated.is_set(), f"editing {file} changed nothing"
        finally:
            serving.send_signal(signal.SIGINT)
            serving.communicate(timeout=60)
    assert plane.refused == []
    assert any(b"a very calm" in content for content in plane.files.values())
    assert plane.function("ultra-fast-voice-agent-web").timeout_secs == 1800


@pytest.mark.parametrize(
    ("edit", "variables", "told"),
    [
        pytest.param(
            None, {"MODAL_TOKEN_ID": "", "MODAL_TOKEN_SECRET": ""}, ["not logged in", "modal setup"], id="login"
        ),
        pytest.param(
            None,
            {"MODAL_APP_NAME": "My App"},
            [": target.app: must be lowercase", "'my-app'"],
            id="name",
        ),
        pytest.param(
            None, {"MODAL_APP_NAME": "a" * 60}, ["target: app, label and method make", "63 is the most"], id="long name"
        ),
        pytest.param(
            ("../agents/therapist", "../agents/nobody"),
            {},
            ["therapist.yaml:6: agent: there is no agent file"],
            id="agent",
        ),
        pytest.param(
            ("plugin: modal", "plugin: k8s"),
            {},
            ["target.plugin: there is no deployment target plugin 'k8s'"],
            id="plugin",
        ),
        pytest.param(("A100, A100-80GB", "A99"), {}, ["target.gpu: Modal has no GPU 'A99'", "H100"], id="gpu"),
        pytest.param(
            ("vivavoce-vllm:", "another:"),
            {},
            ["Modal has no secret 'another' with VLLM_API_KEY", "modal secret create another VLLM_API_KEY=..."],
            id="secret",
        ),
        pytest.param(
            ("[VLLM_API_KEY]", "[OTHER_KEY]"),
            {},
            ["modal secret create vivavoce-vllm OTHER_KEY=..."],
            id="secret's key",
        ),
        pytest.param(
            ("min_containers", "min_container"),
            {},
            ["no such option of 'modal'; did you mean 'min_containers'?"],
            id="key",
        ),
    ],
)
def test_an_error_is_one_message_with_what_to_do(modal, plane, therapist, edit, variables, told):
    path = therapist / "deploy/therapist.yaml"
    if edit is not None:
        assert edit[0] in path.read_text()
        path.write_text(path.read_text().replace(edit[0], edit[1]))
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist, **variables)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    for words in told:
        assert words in done.stderr
    assert plane.published == []
    assert "AppCreate" not in plane.calls


def test_a_plugin_that_the_agent_names_and_that_is_missing(modal, therapist):
    agent = therapist / "agents/therapist.yaml"
    agent.write_text(agent.read_text().replace("tts: {plugin: simulated}", "tts: {plugin: nothing}"))
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist)
    assert done.returncode == 1
    assert "tts.plugin: there is no text-to-speech plugin 'nothing'" in done.stderr
