"""Measuring on virtual time: turn taking alone, whatever the speed of the machine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from websockets.exceptions import ConnectionClosed

from vivavoce.bench import Plan, Report, load_clips, measure_side_by_side, run_virtually, served_here
from vivavoce.bench.virtual import QUEUE_MESSAGES, MemorySocket
from vivavoce.cli.main import create_app
from vivavoce.definition import AgentDefinition

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests/data/speech"
AGENT = ROOT / "agents/simulated.yaml"

LoadOrSkip = Callable[[Path], AgentDefinition]


@pytest.fixture
def agent(load_or_skip: LoadOrSkip) -> AgentDefinition:
    """The simulated agent."""
    return load_or_skip(AGENT)


def measured(agent: AgentDefinition, plan: Plan, *styles: str) -> list[Report]:
    """A report for each style."""

    async def run() -> list[Report]:
        async with AsyncExitStack() as stack:
            lines = {style: await stack.enter_async_context(served_here(agent, style=style)) for style in styles}
            return list((await measure_side_by_side(lines, plan)).values())

    return run_virtually(run())


def plan_of(first: int, last: int, *, turns: int, barge_ins: int = 0) -> Plan:
    """Some of the clips, whole; entries of the agent's own script."""
    clips = load_clips(SPEECH, ROOT / "agents/simulated.json")[first:last]
    return Plan(clips, turns=turns, pauses_ms=(), barge_ins=barge_ins)


def test_six_speakers_are_answered_in_time_and_into_no_sentence(agent: AgentDefinition) -> None:
    eager, balanced, patient = measured(agent, plan_of(0, 6, turns=6, barge_ins=1), "eager", "balanced", "patient")
    quick, usual, slow = eager.figures(), balanced.figures(), patient.figures()
    assert quick["cut_in_rate"] == usual["cut_in_rate"] == slow["cut_in_rate"] == 0
    assert quick["p50_ms"] <= 200
    assert quick["p90_ms"] <= 600
    assert usual["p50_ms"] <= 300
    assert quick["p50_ms"] < usual["p50_ms"] < slow["p50_ms"]
    assert usual["p90_ms"] <= 900
    for report, figures in zip((eager, balanced, patient), (quick, usual, slow), strict=True):
        assert figures["fault_rate"] == figures["no_answer_rate"] == 0
        assert figures["client_late_ms"] == pytest.approx(0, abs=0.001)
        assert figures["barge_in_missed_rate"] == 0
        assert figures["barge_in_last_packet_max_ms"] <= 20
        assert {"commit", "first audible"} <= report.stages_ms().keys()
        assert report.waste.turns > 0


def test_figures_are_the_same_each_time(agent: AgentDefinition) -> None:
    plan = plan_of(0, 2, turns=2)
    first, second = (measured(agent, plan, "balanced")[0].as_json() for _ in range(2))
    assert first["turns"][0]["voice_to_voice_ms"] > 0
    assert first == second


def test_the_command_measures_styles_on_virtual_time(agent: AgentDefinition) -> None:
    options = ["--virtual-time", "--turns", "1", "--no-pauses", "--barge-ins", "0", "--json", "--styles"]
    gate = ["--gate", "p50_ms=1"]
    result = CliRunner().invoke(create_app(), ["bench", str(AGENT), "--clips", str(SPEECH), *options, *gate])
    assert result.exit_code == 1
    assert "gate missed: p50_ms is" in result.stderr
    reports = json.loads(result.stdout)
    assert [report["label"] for report in reports] == [f"simulated {s}" for s in ("eager", "balanced", "patient")]
    assert all(report["virtual_time"] for report in reports)


@pytest.mark.parametrize(
    ("changes", "options", "words"),
    [
        ({"stt": {"plugin": "whisper"}}, [], "stt: how long 'whisper' takes is not known on virtual time"),
        (
            {"tts": [{"plugin": "simulated"}, {"plugin": "hibari"}]},
            [],
            "tts[1]: how long 'hibari' takes is not known on virtual time",
        ),
        ({"llm": {"plugin": "simulated", "isolation": "process"}}, [], "llm: on virtual time no engine can run in"),
        ({}, ["--sessions", "2"], "one conversation at a time"),
        ({}, ["--url", "ws://127.0.0.1:1/ws"], "one conversation at a time"),
    ],
)
def test_what_can_not_be_measured_is_told(
    changes: dict[str, object], options: list[str], words: str, load_or_skip: LoadOrSkip, tmp_path: Path
) -> None:
    path = tmp_path / "agent.yaml"
    written = {"name": "simulated", "instructions": "Be brief.", "completeness": None, "turn_detector": None}
    engines = {kind: {"plugin": "simulated"} for kind in ("stt", "llm", "tts")}
    path.write_text(yaml.safe_dump({**written, **engines, **changes}))
    load_or_skip(path)
    result = CliRunner().invoke(create_app(), ["bench", str(path), "--clips", str(SPEECH), "--virtual-time", *options])
    assert result.exit_code == 1
    assert words in " ".join(result.stderr.split())


def test_a_client_that_waits_for_room_learns_that_the_server_has_left() -> None:
    async def run() -> None:
        socket = MemorySocket()
        assert (await socket.receive())["type"] == "websocket.connect"
        for number in range(QUEUE_MESSAGES):
            await socket.send(b"%d" % number)
        waiting = asyncio.create_task(socket.send("one too many"))
        await asyncio.sleep(0)
        assert not waiting.done()
        await socket.answer({"type": "websocket.send", "text": "bye", "bytes": None})
        await socket.answer({"type": "websocket.close", "code": 1013})
        await waiting
        assert await socket.recv() == "bye"
        for _ in range(2):
            with pytest.raises(ConnectionClosed, match="1013"):
                await socket.recv()
        with pytest.raises(ConnectionClosed):
            await socket.send(b"still there?")
        assert socket.close_code == 1013

    asyncio.run(run())


def test_a_server_learns_that_the_client_has_left() -> None:
    async def run() -> None:
        socket = MemorySocket()
        await socket.send(b"unread")
        socket.hang_up()
        assert await socket.receive() == {"type": "websocket.disconnect", "code": 1000}
        with pytest.raises(OSError, match="left"):
            await socket.answer({"type": "websocket.send", "bytes": b"sound"})

    asyncio.run(run())
