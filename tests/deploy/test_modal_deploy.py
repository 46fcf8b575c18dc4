"""The real `modal deploy`, in a process of its own, against the test control plane."""

from __future__ import annotations

import json

import pytest
from modal_proto import api_pb2

pytestmark = [pytest.mark.slow]

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
    assert list(plane.functions.values())[0].module_name == "some_app"
    other = modal("deploy", "notes.txt", cwd=tmp_path)
    assert other.returncode == 1
    assert "Python module paths must be specified with the -m flag" in other.stderr
