"""The commands, through Typer's runner: what they print, and their exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vivavoce.cli import main as command_line
from vivavoce.cli.main import create_app
from vivavoce_api import BrokenPlugin, Catalog, Kind, Offer, Options, Requirements, WeightFile, Weights, WheelPart

WEIGHTS = Weights(
    name="nightingale",
    origin="https://example.org/nightingale",
    licence="CC0",
    install="vivavoce-sing[weights]",
    files=(WeightFile("song.bin", "0" * 64, (WheelPart("no-such-distribution", "song.bin"),)),),
)


class SingOptions(Options):
    model: str = "nightingale"


def _offer(kind: Kind, name: str, options: type[Options] = Options, weights: tuple[Weights, ...] = ()) -> Offer:
    def load(options: Any, progress: Any) -> None:
        raise AssertionError("nothing is loaded here")

    needs = Requirements(weights=weights)
    return Offer(kind=kind, name=name, summary=f"{name}s well", options=options, load=load, requirements=needs)


@pytest.fixture(autouse=True)
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """What is installed, as far as the commands can tell."""
    from vivavoce.builtin import vivavoce_transport

    catalog = Catalog.of(
        [
            _offer(Kind.SPEECH_TO_TEXT, "listen"),
            _offer(Kind.LANGUAGE_MODEL, "think"),
            _offer(Kind.TEXT_TO_SPEECH, "sing", SingOptions, (WEIGHTS,)),
            _offer(Kind.VOICE_ACTIVITY, "silero"),
            _offer(Kind.TURN_DETECTOR, "smart-turn"),
            *vivavoce_transport(),
        ],
        distribution="vivavoce-birds",
        version="1.2",
    )
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: catalog))
    return catalog


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("bird.yaml")
    path.write_text(
        "name: bird\ninstructions: sing\nstt: {plugin: listen}\nllm: {plugin: think}\ntts: {plugin: sing}\n"
    )
    return path


def invoke(*arguments: object) -> Any:
    return CliRunner().invoke(create_app(), [str(argument) for argument in arguments])


def test_check_accepts_a_good_file(agent):
    result = invoke("check", agent)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "bird.yaml: valid (listen, think, sing (nightingale), silero, smart-turn, websocket)\n"


def test_check_names_all_plugins_of_a_list(agent):
    agent.write_text(
        agent.read_text().replace("tts: {plugin: sing}", "tts: [{plugin: sing, model: wren}, {plugin: sing}]")
    )
    assert "(listen, think, sing (wren), sing (nightingale), silero," in invoke("check", agent).stdout
    agent.write_text(agent.read_text().replace("{plugin: sing}]", "{plugin: rime, voice: cove}]"))
    result = invoke("check", agent)
    assert result.exit_code == 0
    assert "tts[1].plugin: text-to-speech plugin 'rime' is not installed" in result.stdout
    assert "pip install vivavoce-rime" in result.stdout


def test_check_says_what_is_wrong_and_exits_with_1(agent):
    agent.write_text(agent.read_text() + "greting: hi\n")
    result = invoke("check", agent)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("error: bird.yaml:6: greting: no such key of an agent; did you mean 'greeting'?")


def test_check_of_a_valid_file_that_needs_a_plugin_warns_and_exits_with_0(agent):
    agent.write_text(agent.read_text().replace("sing}", "voxtream, voice: voices/anna.wav}"))
    result = invoke("check", agent)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "bird.yaml: valid, but it can't run here yet",
        "  bird.yaml:5: tts.plugin: text-to-speech plugin 'voxtream' is not installed; installed: sing; "
        "its options could not be checked",
        "  fix: pip install vivavoce-voxtream",
    ]


def test_check_goes_on_after_a_bad_file(agent):
    result = invoke("check", "nowhere.yaml", agent)
    assert result.exit_code == 1
    assert "error: nowhere.yaml: there is no such file" in result.stderr
    assert "bird.yaml: valid" in result.stdout


@pytest.mark.parametrize("arguments", [["run"], ["talk", "--in", "commands.wav"]])
def test_run_and_talk_refuse_what_is_not_installed_and_say_the_fix(agent, arguments):
    Path("commands.wav").write_bytes(b"")
    agent.write_text(agent.read_text().replace("sing}", "voxtream}"))
    result = invoke(arguments[0], agent, *arguments[1:])
    assert result.exit_code == 1
    assert result.stderr == (
        "error: bird.yaml:5: tts.plugin: text-to-speech plugin 'voxtream' is not installed; installed: sing\n"
        "  fix: pip install vivavoce-voxtream\n"
    )


def test_a_traceback_shows_only_with_debug(agent):
    agent.write_text("name: [")
    assert "Traceback" not in invoke("check", agent).output
    result = invoke("--debug", "run", agent)
    assert type(result.exception).__name__ == "ConfigurationError"


def test_a_defect_is_told_without_a_traceback(monkeypatch, capsys):
    def fail() -> None:
        raise RuntimeError("it broke")

    monkeypatch.setattr(command_line, "create_app", lambda: fail)
    monkeypatch.setattr(sys, "argv", ["vivavoce", "check"])
    with pytest.raises(SystemExit) as caught:
        command_line.main()
    assert caught.value.code == 1
    assert capsys.readouterr().err == (
        "error: RuntimeError: it broke\n  fix: run it again with `vivavoce --debug ...` and report what it shows\n"
    )
    monkeypatch.setattr(sys, "argv", ["vivavoce", "--debug", "check"])
    with pytest.raises(RuntimeError):
        command_line.main()


@pytest.mark.parametrize(
    "arguments", [["check"], ["run"], ["sing"], ["run", "x.yaml", "--port", "99999"], ["talk", "x.yaml"]]
)
def test_wrong_usage_exits_with_2(arguments):
    assert invoke(*arguments).exit_code == 2


def test_plugins_as_json_and_as_text(catalog):
    catalog.broken.append(BrokenPlugin("vivavoce-egg", "ImportError: shell"))
    told = json.loads(invoke("plugins", "--json").stdout)
    by_name = {plugin["name"]: plugin for plugin in told["plugins"]}
    assert by_name["sing"] == {
        "kind": "tts",
        "name": "sing",
        "package": "vivavoce-birds",
        "version": "1.2",
        "licence": "Apache-2.0",
        "summary": "sings well",
        "environment": [],
        "weights": [
            {
                "name": "nightingale",
                "origin": "https://example.org/nightingale",
                "licence": "CC0",
                "installed": False,
                "install": "pip install vivavoce-sing[weights]",
            }
        ],
    }
    assert told["broken"] == [{"package": "vivavoce-egg", "reason": "ImportError: shell"}]
    result = invoke("plugins")
    for words in ("speech-to-text", "listen", "vivavoce-birds 1.2; Apache-2.0", "nightingale: CC0; from https://"):
        assert words in result.stdout
    assert "warning: vivavoce-egg does not work: ImportError: shell" in result.stderr


def test_schema_prints_or_writes(tmp_path):
    printed = json.loads(invoke("schema").stdout)
    target = tmp_path / "agent.schema.json"
    assert invoke("schema", "-o", target).exit_code == 0
    assert json.loads(target.read_text()) == printed
    assert "tts-sing" in printed["$defs"]
    result = invoke("schema", "-o", tmp_path / "no" / "folder.json")
    assert result.exit_code == 1
    assert "can't be written: No such file or directory" in result.stderr


@pytest.mark.parametrize("command", ["run", "talk", "check", "plugins", "schema", "doctor"])
def test_every_command_has_help_with_an_example(command):
    result = invoke(command, "--help")
    assert result.exit_code == 0
    assert f"vivavoce {command}" in result.stdout.split("Example", 1)[1]


def test_the_program_itself_starts_without_anything_heavy():
    watch = (
        "import sys; from vivavoce.cli.main import main; sys.argv = ['vivavoce', '--help']\n"
        "try: main()\n"
        "except SystemExit as end: code = end.code\n"
        "heavy = {'numpy', 'pipecat', 'fastapi', 'uvicorn', 'av', 'openai', 'yaml', 'vivavoce.definition'}\n"
        "print('loaded:', code, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, timeout=60, check=True)
    assert "Voice agents by configuration" in done.stdout
    assert done.stdout.endswith("loaded: 0 []\n")
    assert done.stderr == ""


def test_version():
    assert invoke("--version").stdout.startswith("vivavoce 0.")
