"""The schema that editors use for deployments: it takes every file in `deploy/`, and no misspelt key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from vivavoce.cli.main import create_app
from vivavoce.deployment.schema import deployment_schema
from vivavoce_api import Catalog

FOLDER = Path(__file__).parents[2] / "deploy"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(deployment_schema(Catalog.installed()))


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_deployment_is_accepted(path: Path, validator: jsonschema.Draft202012Validator) -> None:
    assert path.read_text().startswith("# yaml-language-server: $schema=deployment.schema.json\n")
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


@pytest.mark.parametrize(
    "change",
    [
        {"target": {"plugin": "modal", "gpus": ["A100"]}},
        {"target": {"plugin": "modal", "call_timeout_s": "long"}},
        {"agnet": "x.yaml"},
        {"model_server": {"plugin": "vllm", "model": "m"}},
    ],
    ids=["misspelt option", "no number", "misspelt key", "two services"],
)
def test_what_the_loader_refuses_is_marked(change: dict[str, Any], validator: jsonschema.Draft202012Validator) -> None:
    document = {"agent": "../agents/therapist.yaml", "target": {"plugin": "modal", "app": "a"}}
    assert validator.is_valid(document)
    assert not validator.is_valid(document | change)


def test_the_command_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "deployment.schema.json"
    result = CliRunner().invoke(create_app(), ["schema", "--deployment", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert json.loads(path.read_text())["title"] == "vivavoce deployment"
