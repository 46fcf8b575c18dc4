"""The benchmark itself, over real sockets and in real time."""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner
from websockets.asyncio.server import ServerConnection, serve

from vivavoce.bench import Clip, Plan, WebLine, load_clips, measure, measure_load, served
from vivavoce.cli.main import create_app
from vivavoce_api import AudioChunk, EngineError

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests/data/speech"
AGENT = ROOT / "agents/simulated.yaml"

MakeClip = Callable[..., Clip]
Tone = Callable[..., AudioChunk]


@pytest.fixture(autouse=True)
def _its_plugins_are_installed(load_or_skip: Callable[[Path], object]) -> None:
    load_or_skip(AGENT)


@pytest.mark.slow
def test_an_agent_of_simulated_engines_is_measured(tmp_path: Path) -> None:
    clips = load_clips(SPEECH, ROOT / "agents/simulated.json")[4:]
    plan = Plan(clips, turns=2, pauses_ms=(), barge_ins=1)

    async def run() -> None:
        script = plan.write_script(tmp_path / "script.json")
        async with served(AGENT, script=script, style="patient") as server:  # No clip is answered at its comma.
            report = await measure(WebLine(server.url), plan)
        figures = report.figures()
        texts = [" ".join(word.text for word in clip.words) for clip in clips]
        assert [turn.transcript for turn in report.turns] == texts
        assert 50 < figures["p50_ms"] < 5_000
        assert {"commit", "first audible"} <= report.stages_ms().keys()
        assert figures["barge_in_missed_rate"] == 0
        assert figures["barge_in_silent_p50_ms"] <= figures["barge_in_plain_silent_p50_ms"]
        assert "wasted_audio_ms_per_turn" in figures

    asyncio.run(run())


@pytest.mark.slow
def test_a_server_that_knows_only_the_three_messages_is_measured(make_clip: MakeClip, tone: Tone) -> None:
    """It answers each second connection too early, after 2.5 s of sound, and the others in the room's noise after it.

    The words begin after 1 s and last for 4, so that a machine that stops for a second changes nothing.
    """
    sound = struct.pack(">BI", 1, 24_000) + tone(200, sample_rate_hz=24_000).pcm
    connections = 0

    async def answer(socket: ServerConnection) -> None:
        nonlocal connections
        connections += 1
        for _ in range(125 if connections % 2 == 0 else 400):  # packets of 20 ms
            await socket.recv()
        await socket.send(b"\x02hello")
        await socket.send(sound)
        await socket.wait_closed()

    async def run() -> None:
        plan = Plan([make_clip(words=16)], turns=2, pauses_ms=(), barge_ins=0, turns_a_call=1, answer_timeout_s=30)
        plan = replace(plan, gap_s=(0.4, 0.4))
        async with serve(answer, "127.0.0.1", 0) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            report = await measure(WebLine(f"ws://127.0.0.1:{port}/ws"), plan)
        first, second = report.turns
        assert first.voice_to_voice_ms is not None
        assert first.stages_ms == {}
        assert second.cut_in

    asyncio.run(run())


@pytest.mark.slow
def test_a_crowd_is_held_and_its_cost_known(make_clip: MakeClip, tmp_path: Path) -> None:
    plan = Plan([make_clip(words=2)], turns=0, pauses_ms=(), barge_ins=0)
    agent = tmp_path / "agent.yaml"  # which has nothing recorded
    changes = {"completeness": None, "stt": {"plugin": "simulated", "pass_ms": 30}}
    agent.write_text(yaml.safe_dump(yaml.safe_load(AGENT.read_text()) | changes))

    async def run() -> None:
        async with served(agent, script=plan.write_script(tmp_path / "script.json"), max_sessions=2) as server:
            (load,) = await measure_load(server.url, plan, [2], server.pid)
        assert load.turns == 2
        assert load.cpu_s_per_session_s is not None
        assert 0 < load.cpu_s_per_session_s < 2

    asyncio.run(run())


@pytest.mark.slow
def test_an_agent_that_does_not_load_is_told_in_its_own_words_and_no_others(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken\n")

    async def run() -> None:
        async with served(broken):
            raise AssertionError("it was served")

    with pytest.raises(EngineError, match="instructions"):
        asyncio.run(run())
    assert capfd.readouterr().err == ""


@pytest.mark.slow
def test_the_command_prints_json_and_fails_at_a_missed_gate(tmp_path: Path) -> None:
    chart = tmp_path / "latency.svg"
    options = ["--turns", "1", "--no-pauses", "--barge-ins", "0", "--json", "--chart", str(chart)]
    arguments = ["bench", str(AGENT), "--clips", str(SPEECH), *options, "--gate", "p50_ms=1,cut_in_rate=1"]
    result = CliRunner().invoke(create_app(), arguments)
    assert result.exit_code == 1
    (report,) = json.loads(result.stdout)
    assert report["engines"]["tts"] == "simulated"
    assert [line for line in result.stderr.splitlines() if "gate missed" in line] == [
        f"error: gate missed: p50_ms is {report['figures']['p50_ms']:g}, above 1"
    ]
    assert chart.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ([], "nothing to measure"),
        ([str(AGENT), "--sessions", "1,none"], "whole numbers"),
        ([str(AGENT), "--against", str(AGENT)], "same name"),
        ([str(AGENT), "--chart", "latency.gif"], "SVG"),
        ([str(AGENT), "--clips", str(ROOT / "agents")], "no recordings"),
    ],
)
def test_wrong_options_are_told_before_anything_is_served(options: list[str], words: str) -> None:
    result = CliRunner().invoke(create_app(), ["bench", *options])
    assert result.exit_code == 1
    assert words in result.stderr
