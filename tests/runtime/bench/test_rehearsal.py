"""Before a benchmark, a simulated judge's reader is asked about the clips' words, once, and only where it must be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.bench import Plan, load_clips, rehearsed
from vivavoce.bench.server import adapted
from vivavoce.definition import load_agent
from vivavoce_api import Catalog, ConfigurationError

CLIPS = Path("tests/data/speech")
FIRST = ("we", "asked", "over")


def script(folder: Path, name: str, words: list[tuple[str, float | None]]) -> Path:
    entries = [{"word": word, "end_ms": 100 * n, "over": over} for n, (word, over) in enumerate(words)]
    path = folder / name
    path.write_text(json.dumps([entries]))
    return path


def agent(folder: Path, judge: dict[str, Any] | None) -> Path:
    path = folder / "agent.yaml"
    simulated = {"plugin": "simulated"}
    path.write_text(
        json.dumps({"name": "x", "instructions": "Be kind.", "completeness": judge, "turn_detector": None})[:-1]
        + f', "stt": {json.dumps(simulated)}, "llm": {json.dumps(simulated)}, "tts": {json.dumps(simulated)}}}'
    )
    return path


def rehearse(path: Path) -> tuple[dict[tuple[str, ...], float], list[str]]:
    steps: list[str] = []
    definition = load_agent(path, Catalog.installed())
    clips = load_clips(CLIPS)[:1]
    found = asyncio.run(rehearsed(definition, clips, lambda step, done, total: steps.append(f"{step} {done}/{total}")))
    return found, steps


def test_nobody_is_asked_for_agents_without_a_simulated_judge(tmp_path: Path) -> None:
    assert rehearse(agent(tmp_path, None)) == ({}, [])


def test_what_the_script_says_stands_and_the_reader_tells_the_rest(tmp_path: Path) -> None:
    clip = load_clips(CLIPS)[0]
    known = script(tmp_path, "known.json", [("We", 0.25), ("asked", None)])
    reader = script(tmp_path, "reader.json", [(word.text, 0.5) for word in clip.words])
    judge = {
        "plugin": "simulated-judge",
        "script": str(known),
        "reader": {"plugin": "simulated-judge", "script": str(reader), "pass_ms": 0},
    }
    path = agent(tmp_path, judge)
    found, steps = rehearse(path)
    assert found[FIRST[:1]] == 0.25
    assert found[FIRST] == 0.5
    assert len(found) == len(clip.words)
    assert steps[-1] == f"asking the reader about the clips' words {len(clip.words) - 1}/{len(clip.words) - 1}"

    plan = Plan([clip])
    written = plan.write_script(tmp_path / "all.json", found)
    definition = adapted(load_agent(path, Catalog.installed()), str(written), None)
    assert all("over" in word for turn in json.loads(written.read_text()) for word in turn)
    assert definition.completeness.options.script == definition.stt.options.script == written  # type: ignore[union-attr]


def test_where_all_is_known_nothing_is_loaded(tmp_path: Path) -> None:
    clip = load_clips(CLIPS)[0]
    known = script(tmp_path, "known.json", [(word.text, 0.5) for word in clip.words])
    judge = {"plugin": "simulated-judge", "script": str(known), "reader": {"plugin": "nobody"}}
    found, steps = rehearse(agent(tmp_path, judge))
    assert len(found) == len(clip.words)
    assert steps == []


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ({}, "completeness.reader names no language model"),
        ({"plugin": "nobody"}, "completeness.reader names no language model"),
        ({"plugin": "simulated", "token_ms": -1}, "completeness.reader: "),
        ({"plugin": "simulated"}, "'simulated' can't tell whether words are complete"),
    ],
)
def test_a_reader_that_can_not_tell_is_named(tmp_path: Path, reader: dict[str, Any], words: str) -> None:
    known = script(tmp_path, "known.json", [("We", 0.25)])
    with pytest.raises(ConfigurationError, match=words):
        rehearse(agent(tmp_path, {"plugin": "simulated-judge", "script": str(known), "reader": reader}))
