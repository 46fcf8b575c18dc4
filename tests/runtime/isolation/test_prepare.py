"""`vivavoce prepare`: what it prepares where, what it shows, and how it fails."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from vivavoce.builtin import vivavoce_transport
from vivavoce.cli.main import create_app
from vivavoce.isolation import loading
from vivavoce_api import Catalog, Kind, Offer, Options, PrerequisiteError


@pytest.fixture
def prepared() -> list[str]:
    """The offers that were prepared in this process."""
    return []


@pytest.fixture
def agent(faulty, prepared, tmp_path, monkeypatch) -> Path:
    """An agent whose voice is one of the faulty ones; everything else only notes that it is prepared."""

    def offer(kind: Kind, name: str) -> Offer:
        def load(options, progress):
            raise AssertionError("nothing is loaded here")

        return Offer(kind, name, "", Options, load, prepare=lambda options, progress: prepared.append(name))

    catalog = Catalog.of(
        [
            offer(Kind.SPEECH_TO_TEXT, "listen"),
            offer(Kind.LANGUAGE_MODEL, "think"),
            offer(Kind.VOICE_ACTIVITY, "silero"),
            faulty.HOUSED,
            *vivavoce_transport(),
        ],
        distribution="vivavoce-faulty",
    )
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: catalog))
    monkeypatch.setenv("FAULTY_PREPARED", str(tmp_path / "prepared"))
    path = tmp_path / "agent.yaml"
    path.write_text(
        "name: bird\ninstructions: sing\nstt: {plugin: listen}\nllm: {plugin: think}\nturn_detector: null\n"
        'tts: {plugin: housed, isolation: "${WHERE:-process}"}\n'
    )
    return path


def invoke(*arguments: object):
    return CliRunner().invoke(create_app(), [str(argument) for argument in arguments])


@pytest.mark.slow
def test_each_engine_is_prepared_where_it_will_run(agent, prepared, tmp_path):
    result = invoke("prepare", agent)
    assert (result.exit_code, result.stdout) == (0, "bird is prepared.\n")
    assert sorted(prepared) == ["listen", "silero", "think"]
    assert (tmp_path / "prepared").read_text() == f"prepared by {sys.prefix}\n"
    assert "tts housed: ready" in result.stderr


def test_an_environment_is_built_or_rebuilt_and_its_building_shown(agent, monkeypatch):
    monkeypatch.setenv("WHERE", "environment")
    asked = []

    async def ensure(recipe, progress, *, rebuild=False):
        asked.append((recipe.title, rebuild))
        progress("Resolved 14 packages in 1.31s")
        raise PrerequisiteError("no network", fix="plug it in")

    monkeypatch.setattr(loading, "ensure_environment", ensure)
    for options in ([], ["--rebuild"]):
        result = invoke("prepare", agent, *options)
        assert result.exit_code == 1
        assert "tts housed: Resolved 14 packages in 1.31s" in result.stderr
        assert result.stderr.endswith("error: no network\n  fix: plug it in\n")
    assert asked == [("tts housed", False), ("tts housed", True)]


def test_what_fails_without_words_of_its_own_is_told_in_some(agent, monkeypatch):
    monkeypatch.setenv("WHERE", "none")
    monkeypatch.setenv("FAULTY_PREPARED", "/no/such/folder/file")
    result = invoke("prepare", agent)
    assert result.exit_code == 1
    assert "error: tts 'housed' failed to prepare: FileNotFoundError" in result.stderr
