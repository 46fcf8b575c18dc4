"""`vivavoce talk`: a turn from a file, in real time, with simulated engines."""

from __future__ import annotations

import re
import wave
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vivavoce.audio.files import read_audio
from vivavoce.audio.level import first_audible_ms
from vivavoce.cli.main import create_app

ROOT = Path(__file__).parents[3]
CLIP = ROOT / "tests/data/speech/common_voice_en_1205005.wav"
AGENT = """
name: echo
instructions: Be brief.
stt: {{plugin: simulated, script: {script}}}
llm: {{plugin: simulated, reply: So it is.}}
tts: {{plugin: simulated}}
{more}
"""


@pytest.fixture
def talk(tmp_path: Path, load_or_skip: Any) -> Any:
    """The result of `vivavoce talk` with an agent that has simulated engines and `more` in its file."""
    script = tmp_path / "script.json"
    script.write_text('[[{"word": "Go.", "end_ms": 3000}], [{"word": "Stay.", "end_ms": 3000}]]')

    def invoke(question: Path, *arguments: object, more: str = "") -> Any:
        agent = tmp_path / "echo.yaml"
        agent.write_text(AGENT.format(script=script, more=more))
        load_or_skip(agent)
        return CliRunner().invoke(create_app(), ["talk", str(agent), "--in", str(question), *map(str, arguments)])

    return invoke


@pytest.mark.slow
@pytest.mark.parametrize("more", ["", "greeting: Hello."])
def test_it_prints_what_was_said_and_where_the_time_went_and_writes_the_reply(talk, tmp_path, more):
    reply = tmp_path / "reply.wav"
    result = talk(CLIP, "--out", reply, more=more)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[:2] == ["heard  Go.", "reply  So it is."]
    stages = dict(re.findall(r"^ ?(\w[\w ]+\w) +(-?\d+) *$", result.stdout, re.MULTILINE))
    assert {"transcript", "first token", "first chunk", "commit", "voice to voice"} <= set(stages)
    assert int(stages["first token"]) < int(stages["first chunk"]) <= int(stages["voice to voice"])
    assert int(stages["voice to voice"]) > 0
    sound = read_audio(reply)
    assert first_audible_ms(sound) is not None
    assert sound.duration_ms == pytest.approx(65 * len("So it is."), abs=80)


@pytest.mark.slow
def test_a_question_of_silence_is_refused(talk, tmp_path):
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    result = talk(silence)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, f"error: {silence} holds nothing but silence")


def test_a_reply_that_cannot_be_written_is_told_before_anything_loads(talk, tmp_path):
    result = talk(CLIP, "--out", tmp_path / "no" / "reply.wav")
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {tmp_path / 'no' / 'reply.wav'}: can't be written: there is no folder")


@pytest.mark.slow
def test_parameters_are_told_as_a_clients(talk):
    result = talk(CLIP, "--parameter", "script_from=1", "--timeline")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("heard  Stay.")
    assert result.stdout.splitlines()[-1] == "stt, llm, tts SIMULATED"


@pytest.mark.parametrize(("parameter", "words"), [("script_from", "is not NAME=VALUE"), ("=1", "is not NAME=VALUE")])
def test_a_parameter_without_a_name_or_a_value_is_told(talk, parameter, words):
    result = talk(CLIP, "-p", parameter)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_parameter_that_an_engine_refuses_is_told(talk):
    result = talk(CLIP, "-p", "script_from=first")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == "error: script_from must be a whole number from 0 to 999999"
