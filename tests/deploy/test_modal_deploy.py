"""The real `modal deploy`, in a process of its own, against the test control plane."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from modal_proto import api_pb2

pytestmark = [pytest.mark.slow, pytest.mark.long]

EXPECTED_CALLS = {
    *("AppGetByDeploymentName", "AppCreate", "AppHeartbeat", "AppPublish", "EnvironmentGetOrCreate"),
    *("FunctionPrecreate", "FunctionCreate", "ImageGetOrCreate", "SecretGetOrCreate", "VolumeGetOrCreate"),
    *("MountBatchedCheckExistence", "MountPutFile", "MountGetOrCreate", "FunctionGet"),
}


def test_the_therapist_is_deployed_as_its_yaml_says(modal, plane, therapist):
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist, MODAL_APP_NAME="my-app")
    assert done.returncode == 0, done.stderr + done.stdout
    assert plane.refused == []
    assert set(plane.calls) <= EXPECTED_CALLS
    (published,) = plane.published
    assert published.name == "my-app"
    assert published.app_state == api_pb2.APP_STATE_DEPLOYED
    assert "the model server 'therapist-vllm' is not deployed yet" in done.stderr
    assert "modal deploy deploy/vllm.yaml" in done.stderr

    web = plane.function("ultra-fast-voice-agent-web")
    assert web.webhook_config.type == api_pb2.WEBHOOK_TYPE_ASGI_APP
    assert web.webhook_config.requested_suffix == "my-app-ultra-fast-voice-agent-web"
    assert (web.module_name, web.timeout_secs, web.startup_timeout_secs) == ("vivavoce_modal.container", 3600, 900)
    scaling = web.autoscaler_settings
    assert (scaling.min_containers, scaling.buffer_containers, scaling.scaledown_window) == (0, 1, 300)
    ranked = [one.function for one in web.ranked_functions]
    assert [one.resources.gpu_config.gpu_type for one in ranked] == ["A100", "A100-80GB", "H100"]
    (first, *_) = ranked
    assert (first.max_concurrent_inputs, first.implementation_name) == (4, "web")
    assert [(one.mount_path, plane.volumes[one.volume_id]) for one in first.volume_mounts] == [
        ("/caches", "vivavoce-caches")
    ]
    named = [plane.secret_ids[one] for one in first.secret_ids if plane.secret_ids[one].deployment_name]
    assert [(one.deployment_name, list(one.required_keys)) for one in named] == [("vivavoce-vllm", ["VLLM_API_KEY"])]
    variables = plane.variables(first.secret_ids)
    assert variables["VIVAVOCE_AGENT"] == "/vivavoce/agent/therapist.yaml"
    assert variables["TRITON_CACHE_DIR"] == "/caches/triton"
    assert json.loads(variables["VIVAVOCE_MODAL_MODEL_SERVER"]) == {
        "app": "therapist-vllm",
        "function": "serve-web",
        "variable": "VLLM_URL",
    }


def test_the_image_holds_the_plugins_and_mounts_what_is_edited(modal, plane, therapist):
    assert modal("deploy", "deploy/therapist.yaml", cwd=therapist).returncode == 0
    web = plane.function("ultra-fast-voice-agent-web").ranked_functions[0].function
    commands = plane.commands(web.image_id)
    assert commands[0].startswith("FROM python:3.1")
    (index,) = [line for line in commands if "uv pip install" in line and "--no-deps" not in line]
    (local,) = [line for line in commands if "uv pip install" in line and "--no-deps" in line]
    (prepare,) = [line for line in commands if "vivavoce prepare" in line]
    assert commands.index(index) < commands.index(local) < commands.index(prepare) == len(commands) - 1
    assert " pipecat-ai==" in index
    assert " openai==" in index
    for absent in ("modal==", "faster-whisper", "hibari", "xllamacpp", "vivavoce"):
        assert absent not in index
    wheels = [f"vivavoce_{name}-0.1.0-" for name in ("api", "modal", "pipecat", "simulated", "vllm")]
    assert all(wheel in local for wheel in ["vivavoce-0.1.0-", *wheels])
    assert "whisper" not in local

    mounted = {name for one in web.mount_ids for name in plane.mounts[one]}
    assert mounted == {
        "/vivavoce/agent/therapist.yaml",
        "/vivavoce/agent/words.json",
        "/vivavoce/therapist.yaml",
    }


def test_editing_the_instructions_builds_no_layer_anew(modal, plane, therapist):
    assert modal("deploy", "deploy/therapist.yaml", cwd=therapist).returncode == 0
    before = dict(plane.images)
    agent = therapist / "agents/therapist.yaml"
    agent.write_text(agent.read_text().replace("You are a calm", "You are a very calm"))
    assert modal("deploy", "deploy/therapist.yaml", cwd=therapist).returncode == 0
    assert plane.images == before
    assert len(plane.published) == 2
    edited = [digest for files in plane.mounts.values() for digest in files.values()]
    assert any(b"a very calm" in plane.files[digest] for digest in edited)


def test_an_app_in_python_is_modals_own_business(modal, plane, tmp_path):
    (tmp_path / "some_app.py").write_text(
        "import modal\n\napp = modal.App('plain', include_source=False)\n\n"
        "@app.function(image=modal.Image.debian_slim())\ndef work():\n    pass\n"
    )
    done = modal("deploy", "some_app.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert [one.name for one in plane.published] == ["plain"]
    assert next(iter(plane.functions.values())).module_name == "some_app"
    other = modal("deploy", "notes.txt", cwd=tmp_path)
    assert other.returncode == 1
    assert "Python module paths must be specified with the -m flag" in other.stderr


def test_the_model_server_is_deployed_beside(modal, plane, therapist):
    done = modal("deploy", "deploy/vllm.yaml", cwd=therapist)
    assert done.returncode == 0, done.stderr
    assert plane.refused == []
    assert set(plane.calls) <= EXPECTED_CALLS
    assert plane.published[0].name == "therapist-vllm"
    serve = plane.function("serve-web")
    assert serve.webhook_config.type == api_pb2.WEBHOOK_TYPE_WEB_SERVER
    assert serve.webhook_config.requested_suffix == "therapist-vllm-serve-web"
    assert (serve.webhook_config.web_server_port, serve.startup_timeout_secs) == (8000, 1800)
    function = serve.ranked_functions[0].function
    assert (function.module_name, function.implementation_name) == ("vivavoce_modal.model_server", "serve")
    assert function.resources.gpu_config.gpu_type == "A100"
    assert function.max_concurrent_inputs == 64
    assert [one.mount_path for one in function.volume_mounts] == ["/caches"]
    settings = json.loads(plane.variables(function.secret_ids)["VIVAVOCE_MODAL_SERVE"])
    assert settings["command"][:3] == ["vllm", "serve", "Qwen/Qwen2.5-7B-Instruct"]
    assert "--enforce-eager" not in settings["command"]
    assert settings["health"] == "http://127.0.0.1:8000/health"
    commands = plane.commands(function.image_id)
    assert commands[0].startswith("FROM nvidia/cuda:")
    assert any("uv pip install" in line and "vllm==" in line for line in commands)
    (local,) = [line for line in commands if "--no-deps" in line]
    assert [part.rsplit("/", 1)[-1] for part in local.split() if part.endswith(".whl")] == [
        "vivavoce_modal-0.1.0-py3-none-any.whl"
    ]
    assert not any("vivavoce prepare" in line for line in commands)


def test_the_agent_finds_the_model_server_that_is_deployed(modal, plane, therapist):
    plane.deployed["therapist-vllm", "serve-web"] = "https://someone--therapist-vllm-serve-web.modal.run"
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist)
    assert done.returncode == 0, done.stderr
    assert "is not deployed yet" not in done.stderr


def test_snapshots_are_taken_of_a_class(modal, plane, therapist):
    path = therapist / "deploy/therapist.yaml"
    path.write_text(path.read_text().replace("# snapshot: gpu", "snapshot: gpu"))
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist)
    assert done.returncode == 0, done.stderr
    assert plane.refused == []
    service = plane.function("Snapshotted.*")
    function = service.ranked_functions[0].function
    assert (function.module_name, function.implementation_name) == ("vivavoce_modal.snapshot", "Snapshotted.*")
    assert function.checkpointing_enabled
    assert dict(service.experimental_options) == {"enable_gpu_snapshot": "True"}
    web = service.method_definitions["web"]
    assert web.webhook_config.requested_suffix == "therapist-voice-chat-ultra-fast-voice-agent-web"
    assert function.max_concurrent_inputs == 4


def test_the_server_primitive_listens_on_a_port(modal, plane, therapist):
    path = therapist / "deploy/therapist.yaml"
    text = path.read_text().replace("# server: true", "server: true").replace("min_containers: 0", "min_containers: 1")
    path.write_text(text)
    done = modal("deploy", "deploy/therapist.yaml", cwd=therapist)
    assert done.returncode == 0, done.stderr
    assert plane.refused == []
    server = plane.function("ultra-fast-voice-agent-web")
    assert server.is_server
    assert (server.http_config.port, server.http_config.unauthenticated) == (8000, True)
    assert (server.http_config.startup_timeout, server.http_config.exit_grace_period) == (900, 28)
    assert server.autoscaler_settings.min_containers == 1


def test_the_container_looks_the_model_server_up_unless_it_is_told(plane, environment):
    plane.deployed["therapist-vllm", "serve-web"] = "https://someone--therapist-vllm-serve-web.modal.run"
    lookup = {"app": "therapist-vllm", "function": "serve-web", "variable": "VLLM_URL"}
    environment["VIVAVOCE_MODAL_MODEL_SERVER"] = json.dumps(lookup)
    code = (
        "import os; from vivavoce_modal.container import find_model_server;"
        "find_model_server(); print(os.environ.get('VLLM_URL', 'none'))"
    )

    def found(**variables: str) -> str:
        command = [sys.executable, "-c", code]
        return subprocess.run(
            command, env=environment | variables, capture_output=True, text=True, check=True
        ).stdout.strip()

    assert found() == found(VLLM_URL="") == "https://someone--therapist-vllm-serve-web.modal.run"
    assert found(VLLM_URL="http://10.0.0.7:8000") == "http://10.0.0.7:8000"
    plane.deployed.clear()
    assert found() == "none"
