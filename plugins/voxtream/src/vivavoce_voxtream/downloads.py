"""Everything that VoXtream downloads, in one function: `vivavoce prepare` and image builds call it."""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

from vivavoce_api import PrerequisiteError, Progress
from vivavoce_voxtream.configuration import (
    GENERATOR,
    MIMI_FILE,
    MIMI_REPOSITORY,
    MODEL_FILES,
    MODEL_REPOSITORY,
    SPEAKER_ENCODER_REPOSITORY,
)

HUB_FILES = (*((MODEL_REPOSITORY, name) for name in MODEL_FILES.values()), (MIMI_REPOSITORY, MIMI_FILE))
"""Repository and file of everything that comes from the Hugging Face hub, about 1.3 GB; kept in `$HF_HOME`."""


def download_everything(progress: Progress) -> None:
    """Fetch what is not there yet: the model, the codec Mimi, the speaker encoder ReDimNet (kept in `$TORCH_HOME`).

    Blocks; imports torch for the speaker encoder. Raises `PrerequisiteError` where something can't be fetched.
    """
    from huggingface_hub import hf_hub_download

    for number, (repository, name) in enumerate(HUB_FILES):
        progress(f"fetching {name} of {repository}", number, len(HUB_FILES) + 1)
        try:
            hf_hub_download(repository, name)
        except (OSError, ValueError) as error:  # the hub's own errors are OSErrors, a bad offline setting a ValueError
            raise _not_fetched(f"{name} of {repository}", error) from error
    progress(f"fetching {SPEAKER_ENCODER_REPOSITORY}", len(HUB_FILES), len(HUB_FILES) + 1)
    try:
        load_speaker_encoder()
    except (OSError, ValueError, RuntimeError) as error:
        raise _not_fetched(SPEAKER_ENCODER_REPOSITORY, error) from error


def load_speaker_encoder() -> object:
    """ReDimNet with the options that VoXtream asks for; runs code of its GitHub repository."""
    import torch

    return torch.hub.load(
        GENERATOR["spk_enc_repo"],
        GENERATOR["spk_enc_model"],
        model_name=GENERATOR["spk_enc_model_name"],
        train_type=GENERATOR["spk_enc_train_type"],
        dataset=GENERATOR["spk_enc_dataset"],
        trust_repo=True,
        verbose=False,
    )


def _not_fetched(what: str, error: Exception) -> PrerequisiteError:
    return PrerequisiteError(
        f"VoXtream's weights are not here, and {what} could not be downloaded: {type(error).__name__}: {error}",
        fix="run `vivavoce prepare AGENT.yaml` with access to huggingface.co and github.com; HF_HOME and TORCH_HOME"
        " say where the files are kept",
    )
