"""`vivavoce bench` and its subcommands, through Typer's runner."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vivavoce.cli.main import create_app

ROOT = Path(__file__).parents[4]
AGENT = ROOT / "agents/simulated.yaml"
SPEECH = ROOT / "tests/data/speech"


@pytest.fixture(autouse=True)
def _its_plugins_are_installed(load_or_skip: Callable[[Path], object]) -> None:
    load_or_skip(AGENT)


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(create_app(), ["bench", *(str(argument) for argument in arguments)])


def test_a_voice_is_measured_written_and_judged(tmp_path: Path) -> None:
    gate = "first_chunk_ms=1,real_time_factor=100"
    result = invoke("tts", AGENT, "--replies", 1, "--write", tmp_path, "--note", "machine shared", "--gate", gate)
    assert result.exit_code == 1
    for words in ("SIMULATED", "first audible sample, p50", "machine shared"):
        assert words in result.stdout
    assert "VoXtream" not in result.stdout
    assert "gate missed: first_chunk_ms" in result.stderr
    assert "real_time_factor" not in result.stderr
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".md"]


def test_a_language_model_is_measured_as_json() -> None:
    result = invoke("llm", AGENT, "--replies", 1, "--exchanges", "0,2", "--sessions", "1,2", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert [line["label"] for line in told["lines"]] == [
        "0 earlier",
        "0 earlier, 2 sessions",
        "2 earlier",
        "2 earlier, 2 sessions",
    ]
    assert {"warm_first_clause_ms", "cold_first_token_ms_2_exchanges_2_sessions"} <= told["figures"].keys()


@pytest.mark.slow
def test_an_ear_is_measured(tmp_path: Path) -> None:
    result = invoke("stt", AGENT, "--clips", SPEECH, "--rounds", 1, "--json")
    assert result.exit_code == 0
    figures = json.loads(result.stdout)["figures"]
    assert figures["word_error_rate"] == 0
    assert figures["final_p50_ms"] > 0


def test_a_plugin_of_a_list_is_measured_by_its_name(tmp_path: Path) -> None:
    agent = tmp_path / "two.yaml"
    voices = "[{plugin: simulated, first_chunk_ms: 500}, {plugin: simulated, first_chunk_ms: 1}]"
    agent.write_text(
        f"name: two\ninstructions: sing\nstt: {{plugin: simulated}}\nllm: {{plugin: simulated}}\ntts: {voices}\n"
    )
    first = invoke("tts", agent, "--replies", 1, "--tokens-per-s", 0, "--plugin", "simulated", "--json")
    assert json.loads(first.stdout)["figures"]["first_chunk_ms"] >= 500
    other = invoke("tts", agent, "--plugin", "hum")
    assert other.exit_code == 1
    assert "the agent's tts is simulated, simulated, not 'hum'" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["tts", AGENT, "--streams", "0"], "--streams takes whole numbers from 1 on"),
        (["llm", AGENT, "--exchanges", "a few"], "--exchanges takes whole numbers from 0 on"),
        (["stt", AGENT, "--clips", ROOT / "agents"], "no recordings"),
        (["tts", AGENT, "--gate", "fast"], "a gate is NAME=NUMBER"),
        (["tts", ROOT / "agents/nobody.yaml"], "no such file"),
    ],
)
def test_wrong_options_are_told(arguments: list[object], words: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 1
    assert words in result.stderr


@pytest.mark.parametrize("command", ["", "agent", "tts", "stt", "llm"])
def test_help_has_an_example(command: str) -> None:
    result = invoke(*command.split(), "--help")
    assert result.exit_code == 0
    examples = result.stdout.split("Example", 1)[1]
    assert f"vivavoce bench {command}".removesuffix("agent").strip() in examples


def test_the_word_agent_may_be_left_out() -> None:
    short, long = invoke(AGENT, "--sessions", "none"), invoke("agent", AGENT, "--sessions", "none")
    assert short.exit_code == long.exit_code == 1
    assert short.stderr == long.stderr
    assert "whole numbers above 0" in short.stderr
    assert "[AGENT.yaml]" in invoke(AGENT, "--help").stdout
