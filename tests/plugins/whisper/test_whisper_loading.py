"""Where the model runs, decided without a GPU at hand: the driver, the libraries and the model are stand-ins."""

from __future__ import annotations

import ctypes
import logging
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from vivavoce_whisper.loading import load_encoder, load_model
from vivavoce_whisper.options import WhisperOptions

from vivavoce_api import PrerequisiteError, no_progress


class Machine:
    """A machine with or without GPU, cuBLAS wheel and cuBLAS of the system; notes what was opened and loaded."""

    def __init__(self) -> None:
        self.gpus = 1
        self.wheel: Path | None = Path("/site-packages")
        self.libraries = {"/site-packages/nvidia/cublas/lib/libcublas.so.12"}
        self.libraries |= {"/site-packages/nvidia/cublas/lib/libcublasLt.so.12"}
        self.opened: list[str] = []
        self.model: dict[str, Any] = {}
        self.encoders: list[dict[str, Any]] = []

    def open_library(self, name: str, mode: int) -> None:
        assert mode == ctypes.RTLD_GLOBAL
        self.opened.append(name)
        if name not in self.libraries:
            raise OSError(f"{name}: cannot open shared object file")

    def distribution(self, name: str) -> Any:
        if name != "nvidia-cublas-cu12" or self.wheel is None:
            raise metadata.PackageNotFoundError(name)
        return self

    def locate_file(self, path: str) -> Path:
        assert self.wheel is not None
        return self.wheel / path

    def load_again(self, folder: str, **options: Any) -> None:
        self.encoders.append(options)

    def load(self, folder: str, **options: Any) -> SimpleNamespace:
        self.model = options
        if options["device"] == "cuda" and not {Path(name).name for name in self.libraries}:
            raise RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
        return SimpleNamespace(model=SimpleNamespace(device=options["device"]))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: machine.gpus)
    monkeypatch.setattr("ctypes.CDLL", machine.open_library)
    monkeypatch.setattr("importlib.metadata.distribution", machine.distribution)
    monkeypatch.setattr("faster_whisper.WhisperModel", machine.load)
    monkeypatch.setattr("ctranslate2.models.Whisper", machine.load_again)
    return machine


def load(tmp_path: Path, **given: Any) -> None:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / name).touch()
    options = WhisperOptions(model=str(tmp_path), **given)
    load_encoder(options, load_model(options, no_progress), no_progress)


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_is_used_with_float16_and_the_cublas_of_the_wheel(machine: Machine, tmp_path: Path, device: str) -> None:
    load(tmp_path, device=device)
    assert (machine.model["device"], machine.model["compute_type"]) == ("cuda", "float16")
    folder = "/site-packages/nvidia/cublas/lib"
    assert machine.opened == [f"{folder}/libcublasLt.so.12", f"{folder}/libcublas.so.12"]


def test_without_the_wheel_the_cublas_of_the_system_will_do(machine: Machine, tmp_path: Path) -> None:
    machine.wheel, machine.libraries = None, {"libcublasLt.so.12", "libcublas.so.12"}
    load(tmp_path)
    assert machine.model["device"] == "cuda"


def test_auto_takes_the_cpu_where_cublas_is_missing_and_says_so(
    machine: Machine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    machine.wheel, machine.libraries = None, set()
    with caplog.at_level(logging.WARNING):
        load(tmp_path)
    assert (machine.model["device"], machine.model["compute_type"]) == ("cpu", "int8")
    assert "pip install 'vivavoce-whisper[cuda]'" in caplog.text


def test_cuda_without_cublas_is_an_error_with_its_remedy(machine: Machine, tmp_path: Path) -> None:
    machine.wheel, machine.libraries = None, set()
    with pytest.raises(PrerequisiteError, match="needs cuBLAS 12") as caught:
        load(tmp_path, device="cuda")
    assert caught.value.fix == "pip install 'vivavoce-whisper[cuda]'"


def test_without_a_gpu_no_library_is_looked_for(machine: Machine, tmp_path: Path) -> None:
    machine.gpus = 0
    load(tmp_path)
    assert (machine.model["device"], machine.opened) == ("cpu", [])


def test_what_the_yaml_says_about_arithmetic_and_replicas_holds(machine: Machine, tmp_path: Path) -> None:
    load(tmp_path, compute_type="int8_float16", replicas=3)
    assert (machine.model["compute_type"], machine.model["num_workers"]) == ("int8_float16", 3)


@pytest.mark.parametrize(("cores", "threads"), [(1, 1), (2, 1), (4, 2), (8, 4), (64, 4)])
def test_a_pass_takes_half_of_the_cores(
    machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int, threads: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(cores)), raising=False)
    load(tmp_path, device="cpu")
    assert machine.model["cpu_threads"] == threads


def test_a_pass_takes_the_threads_that_it_is_given(machine: Machine, tmp_path: Path) -> None:
    load(tmp_path, device="cpu", cpu_threads=3)
    assert machine.model["cpu_threads"] == 3


def test_an_encoder_with_threads_of_its_own_is_the_model_once_more(machine: Machine, tmp_path: Path) -> None:
    load(tmp_path, device="cpu", cpu_threads=1, encoder_threads=2, replicas=3)
    assert machine.model["cpu_threads"] == 1
    assert machine.encoders == [
        {"device": "cpu", "compute_type": "int8", "intra_threads": 2, "inter_threads": 3},
    ]


@pytest.mark.parametrize(
    "options",
    [
        {"device": "cpu", "cpu_threads": 2},
        {"device": "cpu", "cpu_threads": 2, "encoder_threads": 2},
        {"device": "cuda", "cpu_threads": 1, "encoder_threads": 2},
    ],
)
def test_the_model_is_not_loaded_twice_for_nothing(machine: Machine, tmp_path: Path, options: dict[str, Any]) -> None:
    load(tmp_path, **options)
    assert machine.encoders == []
