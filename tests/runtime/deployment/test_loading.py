"""From a deployment's file to what its target is given, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vivavoce.deployment import load_deployment
from vivavoce.deployment.preparation import write_preparation
from vivavoce_api import ConfigurationError
from vivavoce_api.deployment import AgentService, ModelService


def test_an_agent_brings_its_files_and_the_limits_of_its_yaml(write, catalog):
    loaded = load_deployment(write(), catalog, {})
    service = loaded.deployment.service
    assert isinstance(service, AgentService)
    assert (service.name, service.agent, service.sessions, loaded.target_name) == ("test", "test.yaml", 8, "place")
    assert [file.place for file in service.files] == ["test.yaml", "words/one.json"]
    assert [file.place for file in service.preparation] == ["test.prepare.yaml", "words/one.json"]
    assert all(file.path.is_file() for file in (*service.files, *service.preparation))
    assert loaded.deployment.watched == (Path("deploy/test.yaml"),)


def test_what_is_prepared_stays_when_the_instructions_are_edited_and_not_when_an_engine_is(write, catalog):
    def prepared() -> Path:
        service = load_deployment(Path("deploy/test.yaml"), catalog, {}).deployment.service
        assert isinstance(service, AgentService)
        return service.preparation[0].path

    agent = write().parent.parent / "agents/test.yaml"
    before = prepared()
    agent.write_text(agent.read_text().replace("Be brief", "Be long") + "turn: {style: eager}\n")
    assert prepared() == before
    agent.write_text(agent.read_text().replace("llm: {plugin: simulated}", "llm: {plugin: simulated, token_ms: 9}"))
    assert prepared() != before


def test_the_preparation_is_an_agent_that_loads(write, tmp_path):
    write()
    path = write_preparation(Path("agents/test.yaml"), tmp_path / "out")
    assert path == tmp_path / "out/test.prepare.yaml"
    assert (tmp_path / "out/words/one.json").is_file()
    assert "Be brief" not in path.read_text()


def test_variables_come_from_the_deployment_and_not_from_this_machine(write, catalog):
    agent = "name: ${WHO}\ninstructions: ${WHAT}\nstt: {plugin: simulated}\nllm: {plugin: simulated}\n"
    agent += "tts: {plugin: simulated}\n"
    here = {"WHO": "here", "WHAT": "here"}
    with pytest.raises(ConfigurationError) as raised:
        load_deployment(write(agent=agent), catalog, here)
    assert "agents/test.yaml:1: name: the variable WHO has no value in the deployment's container" in str(raised.value)
    assert "`environment: {WHO: ...}`, or `secrets: {NAME-OF-SECRET: [WHO]}`" in str(raised.value)
    deployment = """\
        agent: ../agents/test.yaml
        environment: {WHO: "${WHO}"}
        secrets: {what: [WHAT]}
        target: {plugin: place, app: app, max_sessions: 3}
        """
    loaded = load_deployment(write(deployment, agent), catalog, here).deployment
    assert (loaded.service.name, loaded.environment, loaded.secrets) == ("here", {"WHO": "here"}, {"what": ("WHAT",)})
    assert isinstance(loaded.service, AgentService)
    assert loaded.service.sessions == 3


def test_a_model_server_brings_its_command(write, catalog):
    path = write("model_server: {plugin: served, model: seven}\ntarget: {plugin: place, app: app, gpu: A100}\n")
    deployment = load_deployment(path, catalog, {}).deployment
    assert isinstance(deployment.service, ModelService)
    assert deployment.service.command == ("serve", "seven", "--gpu", "A100")
    assert deployment.software.requirements == ("serving==1.0",)
    assert [wheel.name.split("-")[0] for wheel in deployment.software.wheels] == ["vivavoce"]
    assert "VLLM_API_KEY is in no secret" in deployment.notes[0]


def test_a_file_that_is_not_there_is_noted(write, catalog):
    path = write()
    Path("agents/words/one.json").unlink()
    notes = load_deployment(path, catalog, {}).deployment.notes
    assert notes[0] == "agents/test.yaml names agents/words/one.json, which is not there"


@pytest.mark.parametrize(
    ("deployment", "told"),
    [
        ("target: {plugin: place, app: app}\n", "must name either an agent"),
        ("agent: ../agents/test.yaml\n", "target: is missing"),
        ("agent: ../agents/no.yaml\ntarget: {plugin: place, app: app}\n", "test.yaml:1: agent: there is no agent file"),
        ("agent: ../agents/test.yaml\ntarget: {plugin: place}\n", "test.yaml:2: target.app: is missing"),
        ("agent: ../agents/test.yaml\ntarget: {plugin: place, apps: x}\n", "did you mean 'app'?"),
        ("agnt: ../agents/test.yaml\ntarget: {plugin: place, app: app}\n", "test.yaml:1: agnt: no such key"),
        ("agent: ../agents/test.yaml\ntarget: {plugin: plaice, app: app}\n", "no deployment target plugin 'plaice'"),
        (
            "agent: ../agents/test.yaml\ntarget: {plugin: place, app: app}\nenvironment: {A-B: c}\n",
            "environment: 'A-B' is no name of a variable",
        ),
        (
            "agent: ../agents/test.yaml\ntarget: {plugin: place, app: app}\nsecrets: {a: [B C]}\n",
            "secrets: 'B C' is no name of a variable",
        ),
        (
            "agent: ../agents/test.yaml\ntarget: {plugin: place, app: app}\nwheels: nowhere\n",
            "wheels: there is no folder",
        ),
        (
            "model_server: {plugin: simulated}\ntarget: {plugin: place, app: app}\n",
            "test.yaml:1: model_server.plugin: 'simulated' has no server of its own",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(write, catalog, deployment, told):
    with pytest.raises(ConfigurationError) as raised:
        load_deployment(write(deployment), catalog, {})
    assert told in str(raised.value)


def test_an_absolute_path_can_not_go_along(write, catalog, tmp_path):
    agent = "name: a\ninstructions: b\nllm: {plugin: simulated}\ntts: {plugin: simulated}\n"
    agent += f"stt: {{plugin: simulated, script: {tmp_path}/agents/words/one.json}}\n"
    with pytest.raises(ConfigurationError, match="absolute path"):
        load_deployment(write(agent=agent), catalog, {})
