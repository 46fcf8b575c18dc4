"""Before a benchmark, a real transcriber hears the clips that a simulated one will transcribe, where it must."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vivavoce.bench.listening import NOISES, SILENCE_MS, heard_after, listen, sounds_until
from vivavoce.bench.plan import Plan
from vivavoce.bench.rehearsal import rehearse
from vivavoce.definition import load_agent
from vivavoce.definition.agent import AgentDefinition
from vivavoce_api import Catalog, ConfigurationError


def agent(folder: Path, stt: dict[str, Any]) -> AgentDefinition:
    path = folder / "agent.yaml"
    engines = {"stt": {"plugin": "simulated", **stt}, "llm": {"plugin": "simulated"}, "tts": {"plugin": "simulated"}}
    path.write_text(json.dumps({"name": "x", "instructions": "Be kind.", "turn_detector": None, **engines}))
    return load_agent(path, Catalog.installed())


@pytest.fixture
def transcriber(tmp_path: Path) -> dict[str, Any]:
    """Another simulated one, which knows what it finds of a first turn of four words."""
    path = tmp_path / "transcriber.json"
    path.write_text(json.dumps([[{"word": "x", "end_ms": 250 * n + 150, "end_of_turn": 0.1 * n} for n in range(4)]]))
    return {"plugin": "simulated", "script": str(path), "pass_ms": 0}


def found_in(script: Path) -> list[list[float | None]]:
    return [[word.get("end_of_turn") for word in turn] for turn in json.loads(script.read_text())]


def quiet(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def test_the_sound_ends_with_the_silence_after_a_word(make_clip) -> None:
    clip = make_clip(words=8)
    for words, until_ms in ((3, 800), (8, 2050)):
        sounds = sounds_until(clip, words)
        assert len({sound.pcm for sound in sounds}) == NOISES
        for sound in sounds:
            assert sound.duration_ms == pytest.approx(until_ms + SILENCE_MS, abs=12)
            levels = np.abs(np.frombuffer(sound.pcm, "<i2").astype(float))
            assert levels[-(40 * 16) :].max() < 200 < levels[-(120 * 16) :].max()
            assert levels[-(40 * 16) :].any(), "a room is never silent"


def test_each_place_is_heard_in_several_noises_and_the_median_counts(make_clip, transcriber) -> None:
    steps: list[tuple[int, int]] = []
    clips = [make_clip(words=8)]
    heard = asyncio.run(
        heard_after(transcriber, clips, [(0, 3)], lambda step, done, total: steps.append((done, total)))
    )
    # each sound is one turn of the script, of which there is one: three words of it have been said
    assert heard == {(0, 3): 0.2}
    assert steps[-2:] == [(0, 1), (1, 1)]
    assert NOISES % 2


def test_what_the_script_says_stands_and_the_rest_is_heard(tmp_path: Path, make_clip, transcriber) -> None:
    known = tmp_path / "known.json"
    known.write_text(
        json.dumps([[{"word": "Word0,", "end_ms": 1, "end_of_turn": 0.9}, {"word": "word1", "end_ms": 2}]])
    )
    plan = Plan([make_clip(words=8)], pauses_ms=(300,))
    script = plan.write_script(tmp_path / "script.json")
    definition = agent(tmp_path, {"script": str(known), "transcriber": transcriber})
    asyncio.run(listen(definition, plan.clips, script, quiet))
    asyncio.run(rehearse(definition, script, quiet))
    whole, paused = found_in(script)
    assert whole[:4] == [0.9, 0.1, 0.2, 0.3]
    assert paused == whole, "the words are the same, wherever there is a pause"


def test_nobody_listens_again_where_nothing_was_found(tmp_path: Path, make_clip) -> None:
    known = tmp_path / "known.json"
    words = [{"word": f"word{n}", "end_ms": n, "end_of_turn": p} for n, p in enumerate((None, 0.2, 0.9))]
    known.write_text(json.dumps([words]))
    script = Plan([make_clip(words=3)], pauses_ms=()).write_script(tmp_path / "script.json")
    definition = agent(tmp_path, {"script": str(known), "transcriber": {"plugin": "nobody"}})
    asyncio.run(listen(definition, [make_clip(words=3)], script, quiet))
    asyncio.run(rehearse(definition, script, quiet))
    assert found_in(script) == [[None, 0.2, 0.9]]


def test_what_is_recorded_needs_no_transcriber(tmp_path: Path, make_clip) -> None:
    known = tmp_path / "known.json"
    known.write_text(json.dumps([[{"word": "word0", "end_ms": 1, "end_of_turn": 0.9}]]))
    script = Plan([make_clip(words=3)], pauses_ms=()).write_script(tmp_path / "script.json")
    definition = agent(tmp_path, {"script": str(known)})
    asyncio.run(listen(definition, [], script, quiet))
    asyncio.run(rehearse(definition, script, quiet))
    assert found_in(script) == [[0.9, None, None]]


def test_a_transcriber_that_is_not_installed_is_named(tmp_path: Path, make_clip) -> None:
    script = Plan([make_clip(words=3)], pauses_ms=()).write_script(tmp_path / "script.json")
    definition = agent(tmp_path, {"transcriber": {"plugin": "nobody"}})
    with pytest.raises(ConfigurationError, match=r"stt\.transcriber names no stt plugin"):
        asyncio.run(listen(definition, [make_clip(words=3)], script, quiet))


def test_one_that_has_no_opinion_leaves_none(tmp_path: Path, make_clip) -> None:
    script = Plan([make_clip(words=3)], pauses_ms=()).write_script(tmp_path / "script.json")
    definition = agent(tmp_path, {"transcriber": {"plugin": "simulated", "pass_ms": 0}})
    asyncio.run(listen(definition, [make_clip(words=3)], script, quiet))
    assert found_in(script) == [[None, None, None]]
