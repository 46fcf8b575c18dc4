"""`vivavoce voices`, with a plugin that clones voices by writing them down."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import Field
from typer.testing import CliRunner, Result

from vivavoce.audio.files import read_audio, write_wav
from vivavoce.cli.main import create_app
from vivavoce_api import (
    AudioChunk,
    Catalog,
    ConfigurationError,
    Kind,
    Offer,
    Options,
    TextToSpeechCapabilities,
)

CLIP = Path(__file__).parents[2] / "data/speech/common_voice_en_1205005.wav"
RATE_HZ = 24_000


class MockingbirdOptions(Options):
    """A plugin that clones voices: a sample is good if it is longer than a second."""

    voice: Path = Field(description="The voice.")
    voice_reminder: str = Field("Ask the bird first.", description="What everybody must know.")

    def voice_files(self) -> dict[str, Path]:
        return {path.stem: path for path in (self.voice, *sorted(self.voice.parent.glob("*.wav")))}

    def voice_faults(self, path: Path) -> list[str]:
        if not path.is_file():
            raise ConfigurationError(f"there is no {path.name}")
        return [] if read_audio(path).duration_ms > 1000 else ["it is too short"]

    def add_voice(self, name: str, audio: AudioChunk) -> Path:
        path = self.voice.parent / f"{name}.wav"
        path.parent.mkdir(exist_ok=True)
        write_wav(path, audio)
        return path


def offer(name: str, options: type[Options], capabilities: TextToSpeechCapabilities) -> Offer:
    def load(options: Any, progress: Any) -> None:
        raise AssertionError("nothing is loaded here")

    return Offer(Kind.TEXT_TO_SPEECH, name, f"{name}s", options, load, capabilities)


@pytest.fixture(autouse=True)
def _catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog.installed()
    birds = [
        offer("mockingbird", MockingbirdOptions, TextToSpeechCapabilities(RATE_HZ, clones_voices=True)),
        offer("parrot", Options, TextToSpeechCapabilities(RATE_HZ, voices=("polly", "jack"))),
        offer("raven", Options, TextToSpeechCapabilities(RATE_HZ)),
    ]
    catalog.entries.update(Catalog.of(birds).entries)
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: catalog))


@pytest.fixture
def agent(tmp_path: Path) -> Callable[[str], Path]:
    def write(tts: str) -> Path:
        path = tmp_path / "agent.yaml"
        path.write_text(
            f"name: a\ninstructions: Be kind.\nstt: {{plugin: simulated}}\nllm: {{plugin: simulated}}\ntts: {tts}\n"
        )
        return path

    return write


@pytest.fixture
def bird(agent: Callable[[str], Path]) -> Path:
    return agent("{plugin: mockingbird, voice: voices/anna.wav}")


def run(*arguments: Any, answer: str = "") -> Result:
    return CliRunner().invoke(create_app(), ["voices", *map(str, arguments)], input=answer)


def voices_of(agent: Path) -> list[dict[str, Any]]:
    result = run(agent, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["voices"]


def test_a_voice_that_is_not_there_is_listed_and_said_to_be_missing(bird):
    assert voices_of(bird) == [
        {
            "name": "anna",
            "file": str(bird.parent / "voices/anna.wav"),
            "seconds": None,
            "faults": ["there is no anna.wav"],
        }
    ]
    shown = run(bird).stdout
    assert "anna" in shown
    assert "there is no anna.wav" in shown
    assert "Ask the bird first." in shown


def test_list_is_the_default(bird):
    assert run("list", bird).output == run(bird).output


def test_a_voice_is_added_after_a_yes(bird):
    result = run("add", bird, "anna", CLIP, answer="y\n")
    assert result.exit_code == 0, result.output
    assert result.output.index("Ask the bird first.") < result.output.index("agreed to have it cloned?")
    assert "Speak with it" not in result.output  # it is the one that the YAML names
    kept = read_audio(bird.parent / "voices/anna.wav", RATE_HZ)
    assert kept.duration_ms == pytest.approx(read_audio(CLIP).duration_ms, abs=1)
    (voice,) = voices_of(bird)
    assert voice["faults"] == []
    assert voice["seconds"] == 3.7


@pytest.mark.parametrize("answer", ["n\n", "\n", ""])
def test_nothing_is_added_without_a_yes(bird, answer):
    assert run("add", bird, "anna", CLIP, answer=answer).exit_code == 1
    assert not (bird.parent / "voices").exists()


def test_scripts_say_consent_and_are_told_what_to_write(bird):
    result = run("add", bird, "bob", CLIP, "--consent")
    assert result.exit_code == 0, result.output
    assert "Ask the bird first." in result.output
    assert "tts: {plugin: mockingbird, voice: voices/bob.wav}" in result.output
    assert [voice["name"] for voice in voices_of(bird)] == ["anna", "bob"]


def test_a_recording_that_can_not_be_read_is_an_error_in_words(bird, tmp_path):
    (tmp_path / "notes.txt").write_text("not a sound")
    result = run("add", bird, "bob", tmp_path / "notes.txt", "--consent")
    assert result.exit_code == 1
    assert "can't be read as audio" in result.output


def test_voices_that_come_with_a_plugin_are_listed(agent):
    path = agent("{plugin: parrot}")
    assert voices_of(path) == [{"name": "polly"}, {"name": "jack"}]
    assert run(path).stdout.split() == ["polly", "jack"]
    assert "raven names no voices" in run(agent("{plugin: raven}")).stdout


def test_only_a_plugin_that_clones_takes_new_voices(agent):
    result = run("add", agent("{plugin: parrot}"), "anna", CLIP, "--consent")
    assert result.exit_code == 1
    assert "'parrot' has voices of its own" in result.output


def test_of_a_list_the_first_that_clones_is_asked(agent):
    path = agent("[{plugin: parrot}, {plugin: mockingbird, voice: voices/anna.wav}]")
    assert [voice["name"] for voice in voices_of(path)] == ["anna"]
