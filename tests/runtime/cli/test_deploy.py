"""`vivavoce deploy`."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

import vivavoce.deployment
from vivavoce.cli.main import create_app
from vivavoce_api.deployment import Deployed


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """A loaded deployment whose target remembers what it deployed."""
    deployed: list[Any] = []

    def deploy(deployment: Any) -> Deployed:
        deployed.append(deployment)
        return Deployed("https://place.test", "https://place.test/state")

    place = SimpleNamespace(describe=lambda deployment: "GPU [none]", deploy=deploy)
    deployment = SimpleNamespace(notes=("a key is missing",), service=SimpleNamespace(name="viva"))
    loaded = SimpleNamespace(deployment=deployment, target=place, target_name="place")
    monkeypatch.setattr(vivavoce.deployment, "load_deployment", lambda path, catalog: loaded)
    return deployed


def test_a_dry_run_describes_and_deploys_nothing(target):
    result = CliRunner().invoke(create_app(), ["deploy", "x.yaml", "--dry-run"])
    assert (result.exit_code, result.stdout, target) == (0, "GPU [none]\n", [])


def test_it_deploys_and_tells_the_url_and_what_may_be_missing(target):
    result = CliRunner().invoke(create_app(), ["deploy", "x.yaml", "--target", "place"])
    assert result.exit_code == 0
    assert "note: a key is missing" in result.stderr
    assert "https://place.test/state" in result.stdout
    assert len(target) == 1


def test_another_target_than_the_one_asked_for_is_refused(target):
    result = CliRunner().invoke(create_app(), ["deploy", "x.yaml", "--target", "modal"])
    assert (result.exit_code, target) == (1, [])
    assert "deploys to 'place', not to 'modal'" in result.stderr
