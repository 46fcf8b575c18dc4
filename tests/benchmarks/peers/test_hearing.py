"""The simulated speech-to-text as a service for frameworks, on virtual time."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers.stages import INPUT_HZ, Hearing, Stages, load_stages, session_context
from vivavoce_api import AudioChunk
from vivavoce_api.testing import virtual_time_loop

AGENT = """
instructions: Stand in.
stt: {plugin: simulated, pass_ms: 30, script: elsewhere.json}
llm: {plugin: simulated}
tts: {plugin: simulated}
"""
SCRIPT = [
    [{"word": "one", "end_ms": 100}, {"word": "two", "end_ms": 300}, {"word": "three", "end_ms": 900}],
    [{"word": "again", "end_ms": 100}],
]
VOICE = AudioChunk(b"\x00\x20" * 320, INPUT_HZ)


@pytest.fixture
def stages(tmp_path: Path) -> Stages:
    (tmp_path / "agent.yaml").write_text(AGENT)
    (tmp_path / "script.json").write_text(json.dumps(SCRIPT))
    return load_stages(tmp_path / "agent.yaml", tmp_path / "script.json")


def run(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        runner.run(scene())


async def speak(hearing: Hearing, duration_ms: int) -> None:
    for _ in range(duration_ms // 20):
        hearing.feed(VOICE)
        await asyncio.sleep(0.02)


def hearing_of(stages: Stages, partials: list[str], **parameters: str) -> Hearing:
    return Hearing(stages, session_context("s", parameters), partials.append)


def test_a_flush_takes_one_pass_and_gives_what_is_new(stages: Stages) -> None:
    async def scene() -> None:
        hearing = hearing_of(stages, [])
        hearing.begin()
        await speak(hearing, 320)
        began_s = asyncio.get_running_loop().time()
        assert await hearing.flush() == "one two"
        assert asyncio.get_running_loop().time() - began_s == pytest.approx(0.03)
        await speak(hearing, 640)
        assert await hearing.flush() == "three"
        assert await hearing.flush() == ""
        await hearing.close()

    run(scene)


def test_partials_come_while_the_user_speaks(stages: Stages) -> None:
    async def scene() -> None:
        partials: list[str] = []
        hearing = hearing_of(stages, partials)
        hearing.begin()
        await speak(hearing, 600)
        assert partials == ["one two"]
        await hearing.close()

    run(scene)


def test_sound_from_before_the_decision_belongs_to_the_utterance(stages: Stages) -> None:
    async def scene() -> None:
        hearing = hearing_of(stages, [])
        await speak(hearing, 320)
        hearing.begin()
        assert await hearing.flush() == "one two"
        await hearing.close()

    run(scene)


def test_the_next_turn_is_the_next_of_the_script(stages: Stages) -> None:
    async def scene() -> None:
        hearing = hearing_of(stages, [])
        for words in ("one two", "again", "one two"):
            hearing.begin()
            await speak(hearing, 320)
            assert await hearing.flush() == words
            hearing.end()
        await hearing.close()

    run(scene)


def test_the_client_says_where_the_script_begins(stages: Stages) -> None:
    async def scene() -> None:
        hearing = hearing_of(stages, [], script_from="1", events="1")
        hearing.begin()
        await speak(hearing, 320)
        assert await hearing.flush() == "again"
        await hearing.close()

    run(scene)


def test_a_turn_that_ends_takes_its_flush_along(stages: Stages) -> None:
    async def scene() -> None:
        hearing = hearing_of(stages, [])
        hearing.begin()
        await speak(hearing, 320)
        flush = asyncio.create_task(hearing.flush())
        await asyncio.sleep(0)
        hearing.end()
        with pytest.raises(asyncio.CancelledError):
            await flush
        assert await hearing.flush() == ""
        await hearing.close()

    run(scene)


def test_other_engines_are_refused(tmp_path: Path, stages: Stages) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text(AGENT.replace("llm: {plugin: simulated}", "llm: {plugin: vllm}"))
    with pytest.raises(ValueError, match="llm: peers are measured with simulated engines, not vllm"):
        load_stages(path, tmp_path / "script.json")
