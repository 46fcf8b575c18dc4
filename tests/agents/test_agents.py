"""Every agent in `agents/` is right: for the loader, and for the validator that editors use."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from pydantic import Field

from vivavoce.definition import agent_schema, check_agent
from vivavoce.definition.agent import DEFAULT_SECTIONS, SECTION_KINDS
from vivavoce.definition.known import KNOWN_PLUGINS
from vivavoce_api import Catalog, Kind, Offer, Options

FOLDER = Path(__file__).parents[2] / "agents"
AGENTS = sorted(FOLDER.glob("*.yaml"))
ENVIRON = {"ELEVENLABS_API_KEY": "a-key"}
every_agent = pytest.mark.parametrize("path", AGENTS, ids=lambda path: path.stem)


class ParrotOptions(Options):
    """Options of a third party's text-to-speech."""

    feathers: int = Field(3, ge=1, description="How many.")


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    """What is installed, and a third party's plugin."""
    catalog = Catalog.installed()
    parrot = Offer(kind=Kind.TEXT_TO_SPEECH, name="parrot", summary="repeats", options=ParrotOptions, load=_never)
    catalog.entries.update(Catalog.of([parrot], "vivavoce-parrot", "1.0").entries)
    return catalog


def _never(options: Any, progress: Any) -> None:
    raise AssertionError("checking a file loads nothing")


@pytest.fixture(scope="module")
def validator(catalog: Catalog) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(agent_schema(catalog))


def test_the_agents_are_there():
    assert {path.name for path in AGENTS} >= {"quickstart.yaml", "therapist.yaml", "simulated.yaml"}


def not_installed(path: Path, catalog: Catalog) -> set[str]:
    """Packages of the plugins that a file names and that are not installed, found without the loader."""
    sections = {**DEFAULT_SECTIONS, **yaml.safe_load(path.read_text())}
    chosen = [(kind, sections.get(section)) for section, kind in SECTION_KINDS.items()]
    named = [(kind, choice["plugin"]) for kind, choice in chosen if isinstance(choice, dict)]
    return {KNOWN_PLUGINS[kind][name] for kind, name in named if catalog.get(kind, name) is None}


@every_agent
def test_it_loads_or_says_what_to_install(path, catalog):
    report = check_agent(path, catalog, ENVIRON)
    assert report.problems == ()
    packages = sorted(not_installed(path, catalog))
    assert report.install_command == (f"pip install {' '.join(packages)}" if packages else None)
    assert (report.definition is None) == bool(packages)


@every_agent
def test_editors_accept_it(path, validator):
    assert path.read_text().startswith("# yaml-language-server: $schema=agent.schema.json\n")
    assert [error.message for error in validator.iter_errors(yaml.safe_load(path.read_text()))] == []


@every_agent
def test_editors_reject_a_misspelt_option_of_a_third_party(path, validator):
    agent = yaml.safe_load(path.read_text())
    right, wrong = copy.deepcopy(agent), copy.deepcopy(agent)
    right["tts"] = {"plugin": "parrot", "feathers": 4}
    wrong["tts"] = {"plugin": "parrot", "feather": 4}
    assert list(validator.iter_errors(right)) == []
    errors = list(validator.iter_errors(wrong))
    assert ["'feather' was unexpected" in error.message for error in errors] == [True]


def test_the_swap_changes_one_line():
    one, other = ((FOLDER / name).read_text().splitlines() for name in ("quickstart.yaml", "quickstart-pipecat.yaml"))
    different = {line for line in set(one) ^ set(other) if not line.startswith("#")}
    assert len(different) == 2
    assert all(line.startswith("tts: ") for line in different)


def test_the_simulated_script_says_the_clips(load_or_skip):
    definition = load_or_skip(FOLDER / "simulated.yaml")
    turns = json.loads(definition.stt.options.script.read_text())  # type: ignore[attr-defined]
    rows = (FOLDER.parent / "tests/data/speech/transcripts.tsv").read_text().splitlines()[1:]
    spoken = [text for _, text in sorted(row.split("\t") for row in rows)]
    assert [" ".join(word["word"] for word in turn) for turn in turns] == spoken
    for turn in turns:
        ends = [word["end_ms"] for word in turn]
        assert ends == sorted(ends)
        assert 0 < ends[0] < ends[-1] < 8_000
        assert all("over" in word and "end_of_turn" in word for word in turn)
        assert turn[-1]["end_of_turn"] > 0.5
