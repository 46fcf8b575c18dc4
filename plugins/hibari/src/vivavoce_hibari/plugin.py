"""The offer of this plugin, and how it is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field

from vivavoce_api import (
    Kind,
    Offer,
    Options,
    PrerequisiteError,
    Progress,
    Requirements,
    TextToSpeechCapabilities,
    WeightFile,
    Weights,
    WheelPart,
    hookimpl,
)
from vivavoce_api.weights import locate

if TYPE_CHECKING:
    from vivavoce_hibari.engine import Hibari

SAMPLE_RATE_HZ = 24_000
PACKAGED_VOICE = "heart"
HEART = Weights(
    name="hibari's voice heart (distilled from Kokoro-82M's af_heart)",
    origin="https://huggingface.co/maureesewilliams/hibari, carried by hibari-tts",
    licence="Apache-2.0",
    install="hibari-tts==0.2.1",
    files=(
        WeightFile(
            "hibari.onnx",
            "5f70741d4e900f4e85d0037498736cc1b3e1b9a63a13546a5da1e63abf4fccd8",
            (WheelPart("hibari-tts", "hibari/assets/hibari.onnx"),),
        ),
    ),
)


class HibariOptions(Options):
    """What the YAML says under `tts`."""

    voice: Literal["heart", "fenrir", "emma", "fable", "kore"] = Field(
        PACKAGED_VOICE,
        description="heart (American, female) is in the package; fenrir (American, male), kore (American, female),"
        " emma (British, female) and fable (British, male) are downloaded once, 8 MB each.",
    )
    speed: float = Field(1.0, ge=0.5, le=2.0, description="How fast it speaks; 1 is the voice's own pace.")
    threads: int = Field(
        2, ge=1, le=16, description="How many clauses are synthesised at a time, for all conversations, a core each."
    )


@hookimpl
def vivavoce_text_to_speech() -> list[Offer]:
    """The hibari voices."""
    return [
        Offer(
            Kind.TEXT_TO_SPEECH,
            "hibari",
            "English speech on the CPU without a GPU, a key or a download: 130 times faster than real time",
            HibariOptions,
            load,
            TextToSpeechCapabilities(
                SAMPLE_RATE_HZ,
                spans="clauses",
                voices=("heart", "fenrir", "emma", "fable", "kore"),
                first_chunk_ms=20,
            ),
            prepare,
            Requirements(weights=(HEART,)),
            licence="Apache-2.0 (code and weights)",
        )
    ]


def prepare(options: HibariOptions, progress: Progress) -> None:
    """Download the voice where it is not the packaged one. Raises `PrerequisiteError`."""
    from hibari.voices import voice_path

    if options.voice == PACKAGED_VOICE:
        return
    progress(f"fetching the voice {options.voice}")
    try:
        voice_path(options.voice)
    except (RuntimeError, OSError) as error:
        raise PrerequisiteError(
            f"the voice '{options.voice}' of hibari could not be downloaded, and only '{PACKAGED_VOICE}' comes with the"
            f" package: {error}",
            fix=f"tts: {{plugin: hibari, voice: {PACKAGED_VOICE}}}",
        ) from error


def load(options: HibariOptions, progress: Progress) -> Hibari:
    """Verify, load and warm the voice. Raises `PrerequisiteError` when it was not downloaded yet, or is damaged."""
    from vivavoce_hibari.engine import Hibari

    if options.voice == PACKAGED_VOICE:
        model = locate(HEART, progress) / HEART.files[0].name
    else:
        model = _downloaded_voice(options.voice)
    progress(f"loading the voice {options.voice}")
    return Hibari(model, options.voice, speed=options.speed, threads=options.threads)


def _downloaded_voice(name: str) -> Path:
    from hibari.voices import VOICES, sha256_of, voice_path

    try:
        path = Path(voice_path(name, download_missing=False))
    except FileNotFoundError as error:
        raise PrerequisiteError(
            f"the voice '{name}' of hibari is not here yet; only '{PACKAGED_VOICE}' comes with the package",
            fix=f"tts: {{plugin: hibari, voice: {PACKAGED_VOICE}}}, or start once with access to the internet",
        ) from error
    if sha256_of(str(path)) != VOICES[name]["sha256"]:
        raise PrerequisiteError(f"{path} is damaged (its SHA-256 differs)", fix=f"rm '{path}'")
    return path
