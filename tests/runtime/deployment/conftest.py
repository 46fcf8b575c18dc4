"""A deployment in a folder of its own, to a target that only remembers."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field

from vivavoce_api import Catalog, Kind, Offer, Options
from vivavoce_api.deployment import Deployed, Deployment, ModelService


class PlaceOptions(Options):
    app: str = Field(min_length=1, max_length=20)
    gpu: str | None = None
    max_sessions: int | None = None


class Place:
    def __init__(self, options: PlaceOptions) -> None:
        self.options = options
        self.deployed: list[Deployment] = []

    def describe(self, deployment: Deployment) -> str:
        return f"{deployment.service.name} at {self.options.app}"

    def deploy(self, deployment: Deployment) -> Deployed:
        self.deployed.append(deployment)
        return Deployed("https://place.test", "https://place.test/state")


class ServedOptions(Options):
    model: str

    def model_service(self, gpu: str | None = None, **others: Any) -> ModelService:
        return ModelService(self.model, ("serve", self.model, "--gpu", str(gpu)), 8000, ("serving==1.0",))

    async def wait_for_server(self, url: str | None = None, *, within_s: float) -> str:
        return self.model


@pytest.fixture
def catalog() -> Catalog:
    """What is installed here, and a target and a served model of this test's, by the package of the runtime."""

    def load(options: Any, progress: Any) -> Any:
        return Place(options)

    catalog = Catalog.installed()
    own = [
        Offer(Kind.DEPLOYMENT_TARGET, "place", "a place", PlaceOptions, load),
        Offer(Kind.LANGUAGE_MODEL, "served", "a model", ServedOptions, load),
    ]
    catalog.entries.update(Catalog.of(own, "vivavoce", "0.1.0").entries)
    return catalog


AGENT = """\
    name: test
    instructions: Be brief.
    stt: {plugin: simulated, script: words/one.json}
    llm: {plugin: simulated}
    tts: {plugin: simulated}
    """
DEPLOYMENT = """\
    agent: ../agents/test.yaml
    target: {plugin: place, app: app}
    """


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write `deploy/test.yaml` and `agents/test.yaml`; the path of the former."""
    pytest.importorskip("vivavoce_simulated", reason="pip install vivavoce-simulated")
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def write(deployment: str = DEPLOYMENT, agent: str = AGENT) -> Path:
        for folder in ("deploy", "agents/words"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / "agents/words/one.json").write_text("[]")
        (tmp_path / "agents/test.yaml").write_text(textwrap.dedent(agent))
        path = Path("deploy/test.yaml")
        path.write_text(textwrap.dedent(deployment))
        return path

    return write
