"""What the offer says before anything of VoXtream is there: options, streams, downloads, its environment."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydantic import ValidationError
from vivavoce_voxtream import compiling, downloads, streams
from vivavoce_voxtream.configuration import GENERATOR, SPEAKING_RATES
from vivavoce_voxtream.options import VoxtreamOptions
from vivavoce_voxtream.plugin import drop_torchaudio_extension, vivavoce_text_to_speech
from vivavoce_voxtream.requirements import OVERRIDES, PINNED, UNUSED
from vivavoce_voxtream.seams import replaced
from vivavoce_voxtream.stand_ins import StandIn
from vivavoce_voxtream.streams import free_gpu_memory_mib, worker_count

from vivavoce_api import Kind, Offer, PrerequisiteError, no_progress

VOICE = Path("voices/anna.wav")


@pytest.fixture(scope="module")
def offer() -> Offer:
    (offer,) = vivavoce_text_to_speech()
    return offer


def test_it_says_what_it_is_and_what_to_know(offer):
    assert (offer.kind, offer.name) == (Kind.TEXT_TO_SPEECH, "voxtream")
    assert offer.capabilities.streams_text
    assert offer.capabilities.clones_voices
    assert offer.capabilities.spans == "words"
    assert "CC BY-NC" in offer.licence
    assert "consent" in offer.licence
    assert offer.isolation.default == "environment"
    assert offer.isolation.streams_per_worker == 1


def test_the_offer_imports_nothing_heavy():
    script = "import sys, vivavoce_voxtream.plugin as p; p.vivavoce_text_to_speech(); print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "voxtream", "moshi", "huggingface_hub", "scipy"} & {name.split(".")[0] for name in names}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"speaking_rate": 1.0}, "greater than or equal to 2"),
        ({"speaking_rate": 7.0}, "less than or equal to 6"),
        ({"streams": 0}, "from 1 to 64"),
        ({"streams": "many"}, "auto"),
        ({"compile_mode": "fast"}, "cuda-graphs"),
        ({"fused_depth": True, "compile_mode": "max-autotune"}, "compile_mode: cuda-graphs only"),
        ({"model": "random"}, "random-tiny"),
    ],
)
def test_options_that_can_not_be(options, words):
    with pytest.raises(ValidationError, match=words):
        VoxtreamOptions(voice=VOICE, **options)


def test_noise_is_never_the_default_and_says_so():
    assert not VoxtreamOptions(voice=VOICE).is_random
    assert VoxtreamOptions(voice=VOICE, model="random-tiny").is_random
    assert "NOISE" in str(VoxtreamOptions.model_fields["model"].description)


@pytest.mark.parametrize(
    ("free_mib", "workers"),
    [(None, 1), (1_000, 1), (3_000, 1), (5_600, 2), (8_000, 3), (80_000, 4)],
)
def test_streams_follow_the_free_memory_of_the_gpu(monkeypatch, free_mib, workers):
    monkeypatch.setattr(streams, "free_gpu_memory_mib", lambda environ: free_mib)
    assert worker_count(VoxtreamOptions(voice=VOICE)) == workers
    assert worker_count(VoxtreamOptions(voice=VOICE, streams=7)) == 7


def nvidia_smi(monkeypatch: pytest.MonkeyPatch, folder: Path, script: str) -> None:
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=":")


def test_the_gpu_is_asked_for_its_memory(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert free_gpu_memory_mib({}) is None  # no nvidia-smi
    nvidia_smi(monkeypatch, tmp_path, 'case "$*" in *"-i 3"*) echo 300;; *) echo 24000; echo 9;; esac')
    assert free_gpu_memory_mib({}) == 24_000
    assert free_gpu_memory_mib({"CUDA_VISIBLE_DEVICES": "3,1"}) == 300
    assert free_gpu_memory_mib({"CUDA_VISIBLE_DEVICES": ""}) is None
    nvidia_smi(monkeypatch, tmp_path, "echo no devices; exit 9")
    assert free_gpu_memory_mib({}) is None


def fake_hub(monkeypatch: pytest.MonkeyPatch, fetched: list[str], error: Exception | None = None) -> None:
    def download(repository: str, name: str) -> None:
        if error is not None:
            raise error
        fetched.append(f"{repository}/{name}")

    def load(repository: str, model: str, **options: object) -> None:
        fetched.append(f"{repository}:{model} {options['model_name']}")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(hf_hub_download=download))
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(hub=SimpleNamespace(load=load)))


def test_one_function_downloads_everything(monkeypatch):
    fetched: list[str] = []
    steps: list[tuple[int, int | None]] = []
    fake_hub(monkeypatch, fetched)
    downloads.download_everything(lambda step, done=0, total=None: steps.append((done, total)))
    assert fetched == [
        "herimor/voxtream2.1/model.safetensors",
        "herimor/voxtream2.1/config.json",
        "herimor/voxtream2.1/phoneme_to_token.json",
        "kyutai/moshiko-pytorch-bf16/tokenizer-e351c8d8-checkpoint125.safetensors",
        "IDRnD/ReDimNet:ReDimNet M",
    ]
    assert steps == [(number, 5) for number in range(5)]


def test_what_can_not_be_downloaded_is_said_with_what_to_do(monkeypatch):
    fake_hub(monkeypatch, [], ConnectionError("no route"))
    with pytest.raises(PrerequisiteError, match=r"model\.safetensors of herimor/voxtream2\.1 .*no route") as raised:
        downloads.download_everything(no_progress)
    assert "vivavoce prepare" in str(raised.value.fix)


def test_kernels_are_compiled_once_for_each_gpu(monkeypatch, tmp_path):
    options = VoxtreamOptions(voice=VOICE, compile_mode="max-autotune", cache=tmp_path / "kept")
    compiled: list[str] = []
    for machine in ("A100", "A100", "H100", None):
        monkeypatch.setattr(compiling, "gpu", lambda machine=machine: machine)
        compiling.compile_ahead(options, lambda machine=machine: compiled.append(machine), no_progress)
    assert compiled == ["A100", "H100"]
    monkeypatch.setattr(compiling, "gpu", lambda: "B200")
    for other in ({"compile": False}, {"compile_mode": "cuda-graphs"}):
        compiling.compile_ahead(options.model_copy(update=other), lambda: compiled.append("B200"), no_progress)
    assert compiled == ["A100", "H100"]


def test_compiling_that_failed_is_tried_again(monkeypatch, tmp_path):
    options = VoxtreamOptions(voice=VOICE, compile_mode="max-autotune", cache=tmp_path)
    monkeypatch.setattr(compiling, "gpu", lambda: "A100")

    def fail() -> None:
        raise PrerequisiteError("no compiler")

    for _ in range(2):
        with pytest.raises(PrerequisiteError, match="no compiler"):
            compiling.compile_ahead(options, fail, no_progress)


def test_the_extension_of_torchaudio_is_removed(monkeypatch, tmp_path):
    libraries = tmp_path / "torchaudio/lib"
    libraries.mkdir(parents=True)
    for name in ("_torchaudio.abi3.so", "__init__.py"):
        (libraries / name).touch()
    (tmp_path / "torchaudio/__init__.py").write_text("raise OSError('built for CUDA')")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    drop_torchaudio_extension(no_progress)
    drop_torchaudio_extension(no_progress)
    assert [file.name for file in libraries.iterdir()] == ["__init__.py"]


def test_stand_ins_can_be_imported_from_but_not_used():
    module = StandIn("datasets")
    assert not hasattr(module, "__file__")
    with pytest.raises(ImportError, match="datasets is not installed beside voxtream: load_dataset can't be used"):
        module.load_dataset("speech")


def test_names_are_put_back_after_a_failure():
    module = StandIn("loaders")
    module.load = original = object()

    def fail_within() -> None:
        with replaced(module, load=1):
            assert module.load == 1
            raise LookupError

    with pytest.raises(LookupError):
        fail_within()
    assert module.load is original


def test_what_is_left_out_is_left_out_once():
    left_out = [name for names in UNUSED.values() for name in names]
    assert len(set(left_out)) == len(left_out)
    assert len(OVERRIDES) == len(PINNED) + len(left_out)
    assert not {pinned.split("=")[0] for pinned in PINNED} & set(left_out)


def test_each_speaking_rate_weighs_each_move_of_the_phones():
    assert {len(rate["duration_state"]) for rate in SPEAKING_RATES.values()} == {len(GENERATOR["phoneme_index_map"])}
