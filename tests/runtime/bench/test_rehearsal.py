"""Before a benchmark, a simulated judge's reader is asked about the clips' words, once, and only where it must be."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from vivavoce.bench.adapting import adapted
from vivavoce.bench.rehearsal import rehearse
from vivavoce.definition import load_agent
from vivavoce_api import Catalog, ConfigurationError


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


def rehearsed(folder: Path, path: Path, said: list[tuple[str, float | None]]) -> tuple[list[float | None], list[str]]:
    """What stands at each word of a script with these words afterwards, and the steps until then."""
    steps: list[str] = []
    asked = script(folder, "asked.json", said)
    definition = load_agent(path, Catalog.installed())
    asyncio.run(rehearse(definition, asked, lambda step, done, total: steps.append(f"{step} {done}/{total}")))
    return [word.get("over") for word in json.loads(asked.read_text())[0]], steps


HELLO: list[tuple[str, float | None]] = [("Hello,", None), ("my", None), ("friend.", None)]


def test_nobody_is_asked_for_agents_without_a_simulated_judge(tmp_path: Path) -> None:
    assert rehearsed(tmp_path, agent(tmp_path, None), HELLO) == ([None] * 3, [])


def test_what_the_script_says_stands_and_the_reader_tells_the_rest(tmp_path: Path) -> None:
    known = script(tmp_path, "known.json", [("hello", 0.25), ("My", None)])
    reader = script(tmp_path, "reader.json", [("Hello", 0.1), ("my", 0.2), ("friend", 0.9)])
    judge = {
        "plugin": "simulated-judge",
        "script": str(known),
        "reader": {"plugin": "simulated-judge", "script": str(reader), "pass_ms": 0},
    }
    over, steps = rehearsed(tmp_path, agent(tmp_path, judge), HELLO)
    assert over == [0.25, 0.2, 0.9]
    assert steps[-1] == "asking the reader about the clips' words 2/2"
    assert rehearsed(tmp_path, agent(tmp_path, judge), [("Hello", 0.7), ("my", 0.8)]) == ([0.7, 0.8], [])


def test_both_simulated_engines_get_the_new_script(tmp_path: Path) -> None:
    known = script(tmp_path, "known.json", [("hello", 0.25)])
    definition = load_agent(agent(tmp_path, {"plugin": "simulated-judge", "script": str(known)}), Catalog.installed())
    new = tmp_path / "new.json"
    changed = adapted(definition, str(new), None)
    assert changed.completeness.options.script == changed.stt.options.script == new  # type: ignore[union-attr]


def test_where_all_is_known_nothing_is_loaded(tmp_path: Path) -> None:
    known = script(tmp_path, "known.json", [(word, 0.5) for word, _ in HELLO])
    judge = {"plugin": "simulated-judge", "script": str(known), "reader": {"plugin": "nobody"}}
    assert rehearsed(tmp_path, agent(tmp_path, judge), HELLO) == ([0.5] * 3, [])


@pytest.mark.parametrize(
    ("reader", "words"),
    [
        ({}, "completeness.reader names no llm plugin"),
        ({"plugin": "nobody"}, "completeness.reader names no llm plugin"),
        ({"plugin": "simulated", "token_ms": -1}, "completeness.reader: "),
        ({"plugin": "simulated"}, "'simulated' can't tell whether words are complete"),
    ],
)
def test_a_reader_that_can_not_tell_is_named(tmp_path: Path, reader: dict[str, Any], words: str) -> None:
    known = script(tmp_path, "known.json", [("We", 0.25)])
    judge = {"plugin": "simulated-judge", "script": str(known), "reader": reader}
    with pytest.raises(ConfigurationError, match=words):
        rehearsed(tmp_path, agent(tmp_path, judge), HELLO)
