"""Bringing a model up: device, arithmetic, threads, and the one pass that warms it."""

from __future__ import annotations

import ctypes
import logging
import os
from importlib import metadata
from typing import TYPE_CHECKING

from vivavoce_api import ConfigurationError, PrerequisiteError, Progress
from vivavoce_whisper.decoder import SAMPLE_RATE_HZ, Decoder
from vivavoce_whisper.ending import head_of
from vivavoce_whisper.weights import model_folder

if TYPE_CHECKING:
    import ctranslate2
    from faster_whisper import WhisperModel

    from vivavoce_whisper.options import WhisperOptions

_CUBLAS_WHEEL = "nvidia-cublas-cu12"
_CUBLAS_FOLDER = "nvidia/cublas/lib"
_CUBLAS_LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")  # the first is what the second needs
_INSTALL_CUBLAS = "pip install 'vivavoce-whisper[cuda]'"

logger = logging.getLogger(__name__)


def load_decoder(options: WhisperOptions, progress: Progress) -> Decoder:
    """Load the model that `options` name and warm it. Blocks. Raises `PrerequisiteError`, `ConfigurationError`."""
    model = load_model(options, progress)
    try:
        _check_language(options.language, model)
        decoder = Decoder(
            model,
            encoder=load_encoder(options, model, progress),
            language=options.language,
            short_window=options.encoder_window == "short",
            decoding=options.decoding,
            head=head_of(options.model),
            end_of_turn=options.end_of_turn,
        )
        progress("warming Whisper")
        _warm(decoder)
    except (RuntimeError, ValueError) as error:
        raise _explained(error, options, model.model.device) from error
    return decoder


def load_model(options: WhisperOptions, progress: Progress) -> WhisperModel:
    """Load the model that `options` name, cold. Blocks. Raises `PrerequisiteError`, `ConfigurationError`."""
    folder = model_folder(options.model, progress)
    device = _device(options)
    progress(f"loading Whisper {options.model} on the {'GPU' if device == 'cuda' else 'CPU'}")
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            str(folder),
            device=device,
            compute_type=_compute_type(options, device),
            cpu_threads=options.cpu_threads or _threads(),
            num_workers=options.replicas,
        )
    except (RuntimeError, ValueError) as error:
        raise _explained(error, options, device) from error


def load_encoder(options: WhisperOptions, model: WhisperModel, progress: Progress) -> ctranslate2.models.Whisper | None:
    """The model once more, for its encoder, where that is to have other threads; None elsewhere, and on a GPU. Blocks.

    CTranslate2 gives a model one number of threads, for all that it does.
    """
    threads = options.encoder_threads
    if threads in (None, options.cpu_threads or _threads()) or model.model.device != "cpu":
        return None
    import ctranslate2

    return ctranslate2.models.Whisper(
        str(model_folder(options.model, progress)),
        device="cpu",
        compute_type=_compute_type(options, "cpu"),
        intra_threads=threads,
        inter_threads=options.replicas,
    )


def _device(options: WhisperOptions) -> str:
    """Where to run; with CUDA, its libraries are loaded by then. `auto` needs both a GPU and the libraries."""
    import ctranslate2

    if options.device == "cpu":
        return "cpu"
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if options.device == "cuda" and not has_gpu:
        raise PrerequisiteError(
            "Whisper is asked to run on CUDA, but there is no usable NVIDIA GPU or driver here",
            fix="stt: {plugin: whisper, device: cpu}",
        )
    if not has_gpu:
        return "cpu"
    if _load_cublas() or options.device == "cuda":
        return "cuda"
    logger.warning("Whisper leaves the GPU alone, for want of cuBLAS 12: %s", _INSTALL_CUBLAS)
    return "cpu"


def _compute_type(options: WhisperOptions, device: str) -> str:
    if options.compute_type != "auto":
        return options.compute_type
    return "float16" if device == "cuda" else "int8"


def _threads() -> int:
    """Half of the cores, at most 4: more hold up the decoder's many small steps; measured, see the README."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(4, max(1, cores // 2))


def _load_cublas() -> bool:
    """Load cuBLAS 12, from NVIDIA's wheel or the system; whether there is one.

    CTranslate2 opens it by its bare name, under which the linker then knows what is loaded already.
    """
    try:
        distribution = metadata.distribution(_CUBLAS_WHEEL)
        libraries = [str(distribution.locate_file(f"{_CUBLAS_FOLDER}/{library}")) for library in _CUBLAS_LIBRARIES]
    except metadata.PackageNotFoundError:
        libraries = list(_CUBLAS_LIBRARIES)
    try:
        for library in libraries:
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
    except OSError:
        return False
    return True


def _check_language(language: str, model: WhisperModel) -> None:
    known = model.supported_languages
    if language not in ("auto", *known):
        raise ConfigurationError(f"this Whisper model knows no language '{language}', only {', '.join(known)}")


def _warm(decoder: Decoder) -> None:
    import numpy as np

    decoder.decode(np.random.default_rng(0).normal(0, 300, SAMPLE_RATE_HZ).astype("<i2").tobytes())


def _explained(error: Exception, options: WhisperOptions, device: str) -> Exception:
    if "libcublas" in str(error):
        return PrerequisiteError(f"Whisper on CUDA needs cuBLAS 12: {error}", fix=_INSTALL_CUBLAS)
    return ConfigurationError(
        f"Whisper '{options.model}' can't run on {device} with compute_type {options.compute_type}: {error}"
    )
