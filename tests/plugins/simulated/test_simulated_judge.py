"""The simulated judge repeats what a real model said about a script, at its own pace; on virtual time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from vivavoce_simulated.judge import SimulatedJudge, SimulatedJudgeSession
from vivavoce_simulated.options import JudgeOptions
from vivavoce_simulated.script import read_script

from vivavoce_api import ConfigurationError, EngineError, EngineUnavailableError, Message, SessionContext
from vivavoce_api.testing import virtual_time_loop

SAID = [
    [{"word": "Good", "over": 0.01}, {"word": "morning,", "over": 0.6}, {"word": "Anna.", "over": 0.9}],
    [{"word": "I", "over": 0.0}, {"word": "don\u2019t", "over": 0.2}],
]


def on_virtual_time(work: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        return runner.run(work)


def written(folder: Path, turns: list[list[dict[str, Any]]]) -> Path:
    path = folder / "script.json"
    path.write_text(json.dumps([[{"end_ms": 100 * n} | word for n, word in enumerate(turn)] for turn in turns]))
    return path


def judge(folder: Path, **options: Any) -> SimulatedJudge:
    told = JudgeOptions.model_validate({"script": written(folder, SAID), **options})
    return SimulatedJudge(told, read_script(told.script))


async def asked(session: SimulatedJudgeSession, text: str) -> float:
    return await session.end_of_turn_probability([Message("system", "Be kind."), Message("user", text)])


@pytest.mark.parametrize(
    ("text", "over"),
    [
        ("good", 0.01),
        ("Good morning.", 0.6),
        ("GOOD MORNING, ANNA!", 0.9),
        ("I don't", 0.2),
        ("Good morning. I don't", 0.2),  # the first turn was answered too early
        ("...", 0.0),
    ],
)
def test_it_says_what_was_recorded_whatever_the_dress(tmp_path: Path, text: str, over: float) -> None:
    async def ask() -> tuple[float, float]:
        session = await judge(tmp_path, pass_ms=40).open_session(SessionContext("x"))
        return await asked(session, text), asyncio.get_running_loop().time() * 1000

    found, took_ms = on_virtual_time(ask())
    assert found == over
    assert took_ms == pytest.approx(40)


def test_words_that_nobody_recorded_are_an_error_that_names_them(tmp_path: Path) -> None:
    async def ask() -> None:
        await asked(await judge(tmp_path).open_session(SessionContext("x")), "Good evening")

    with pytest.raises(EngineError, match=r"script\.json has no turn that begins 'good evening'"):
        on_virtual_time(ask())


def test_a_script_without_answers_is_refused_with_the_word(tmp_path: Path) -> None:
    told = JudgeOptions(script=written(tmp_path, [[{"word": "Hello", "over": 0.5}, {"word": "there"}]]))
    with pytest.raises(ConfigurationError, match="whether turn 0 is `over` after 'there'"):
        SimulatedJudge(told, read_script(told.script))


def test_it_says_nothing_itself(tmp_path: Path) -> None:
    async def ask() -> None:
        session = await judge(tmp_path).open_session(SessionContext("x"))
        async for _ in session.generate([Message("user", "Good morning")]):
            raise AssertionError("it spoke")

    with pytest.raises(EngineError, match="says nothing"):
        on_virtual_time(ask())


def test_it_fails_as_it_is_told(tmp_path: Path) -> None:
    async def ask() -> None:
        await asked(await judge(tmp_path, fault="start").open_session(SessionContext("x")), "Good")

    with pytest.raises(EngineUnavailableError):
        on_virtual_time(ask())


def test_closing_ends_a_question(tmp_path: Path) -> None:
    async def ask() -> None:
        session = await judge(tmp_path, pass_ms=60_000).open_session(SessionContext("x"))
        asyncio.get_running_loop().call_later(0.01, lambda: asyncio.create_task(session.close()))
        await asked(session, "Good")

    with pytest.raises(EngineError, match="closed"):
        on_virtual_time(ask())
