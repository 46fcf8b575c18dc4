"""What the YAML says for VoXtream."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, model_validator

from vivavoce_api import AudioChunk, Options
from vivavoce_api.weights import cache_folder
from vivavoce_voxtream.sample import faults_of, read_sample
from vivavoce_voxtream.voices import add_voice, named_voices, voice_file

PUBLISHED, RANDOM_TINY, RANDOM_FULL = "voxtream2.1", "random-tiny", "random-full"
MOST_STREAMS = 64


class VoxtreamOptions(Options):
    """What the YAML says under `tts`."""

    voice: Path = Field(
        description="The voice: a wav file with 3 to 20 s of it, such as voices/anna.wav, or the name of one in the"
        " folder `voices`. Have the person's consent.",
    )
    voices: Path | None = Field(
        None,
        description="A folder of named voices, NAME.wav each (`vivavoce voices add` puts them there). A client may"
        " choose one of them: /ws?voice=NAME.",
    )
    speaking_rate: float | None = Field(
        None, ge=2, le=6, description="Syllables a second, 2 to 6; speech has 4 or so. Default: what comes naturally."
    )
    streams: Literal["auto"] | int = Field(
        "auto",
        description="How many replies can be spoken at a time, each by a worker process with 2.2 GB of GPU memory."
        " auto: what the free memory of the GPU allows, at most 4; without a GPU 1.",
    )
    compile: bool = Field(
        True, description="Make the model fast on a GPU, see compile_mode. Without a GPU it makes no difference."
    )
    compile_mode: Literal["cuda-graphs", "max-autotune"] = Field(
        "cuda-graphs",
        description="cuda-graphs is ready within seconds; max-autotune is faster, and compiles for minutes the first"
        " time.",
    )
    fused_depth: bool = Field(
        False,
        description="Run the 15 steps of each chunk's depth loop as one CUDA graph. The sound is the same; the gain on"
        " a GPU is not measured yet.",
    )
    cache: Path | None = Field(
        None,
        description="Folder for compiled kernels, worth keeping between deployments. Default: voxtream in vivavoce's"
        " cache.",
    )
    seed: int | None = Field(
        None,
        ge=0,
        lt=2**31,
        description="With a seed the same text always sounds the same. Default: a new one each time.",
    )
    model: Literal["voxtream2.1", "random-tiny", "random-full"] = Field(
        "voxtream2.1",
        description="voxtream2.1 is the published model. random-tiny and random-full make up their weights and give"
        " NOISE, not speech: for testing the mechanics without downloads, and for measuring speed at the true size.",
    )

    @model_validator(mode="after")
    def _check(self) -> VoxtreamOptions:
        if isinstance(self.streams, int) and not 1 <= self.streams <= MOST_STREAMS:
            raise ValueError(f"streams must be auto or a number from 1 to {MOST_STREAMS}")
        if self.fused_depth and self.compile and self.compile_mode != "cuda-graphs":
            raise ValueError("fused_depth is a CUDA graph of its own and goes with compile_mode: cuda-graphs only")
        return self

    @property
    def is_random(self) -> bool:
        """Whether the sound is noise."""
        return self.model != PUBLISHED

    @property
    def cache_folder(self) -> Path:
        """Where compiled kernels are kept."""
        return self.cache or cache_folder() / "voxtream"

    @property
    def voice_file(self) -> Path:
        """The sample that `voice` means."""
        return voice_file(self.voice, self.voices)

    # What makes these options `ClonesVoices`, for the command `vivavoce voices`.

    @property
    def voice_reminder(self) -> str:
        """What everybody must know before they clone a voice."""
        return (
            "Clone a voice only with the consent of the person whose voice it is: VoXtream's authors forbid anything"
            " else. VoXtream's weights were trained on data that includes CC BY-NC 4.0 (Emilia): ask before you use it"
            " commercially."
        )

    def voice_files(self) -> dict[str, Path]:
        """The voice that `voice` means, there or not, and those in `voices` (or beside it), by name."""
        usual = self.voice_file
        named = named_voices(self.voices or usual.parent)
        return {usual.stem: usual} | {name: path for name, path in named.items() if path != usual}

    def voice_faults(self, path: Path) -> list[str]:
        """What is wrong with the sample at `path`, in words; empty where it is good. Raises `ConfigurationError`."""
        return faults_of(read_sample(path))

    def add_voice(self, name: str, audio: AudioChunk) -> Path:
        """Check `audio` and keep it under `name`, in `voices` or beside `voice`. Raises `ConfigurationError`."""
        return add_voice(self.voices or self.voice.parent, name, audio)
