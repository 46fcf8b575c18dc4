"""A folder of named voices: `voices/anna.wav` is the voice `anna`."""

from __future__ import annotations

import re
import wave
from pathlib import Path

from vivavoce_api import AudioChunk, ConfigurationError
from vivavoce_voxtream.sample import VoiceSample, check_sample, read_sample

MOST_VOICES = 1000
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
SUFFIX = ".wav"


def named_voices(folder: Path) -> dict[str, Path]:
    """The voices in `folder` by name, in the order of names; empty where there is no folder. Reads no sample."""
    if not folder.is_dir():
        return {}
    files = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file() and NAME.fullmatch(path.stem))
    return {path.stem: path for path in files[:MOST_VOICES]}


def voice_file(voice: Path, folder: Path | None) -> Path:
    """The file that the YAML means: a path to a sample, or the name of one in `folder`. It need not exist."""
    if voice.suffix or folder is None or voice.is_file():
        return voice
    return folder / f"{voice.name}{SUFFIX}"


def load_voice(path: Path) -> VoiceSample:
    """The sample at `path`, read and checked. Blocks. Raises `ConfigurationError`."""
    sample = read_sample(path)
    check_sample(sample, str(path))
    return sample


def add_voice(folder: Path, name: str, audio: AudioChunk) -> Path:
    """Check `audio` and keep it as the voice `name`; returns its file. Blocks.

    Raises `ConfigurationError` for a name that can't be or is taken, for a bad sample, and where the file can't be
    written; a file is whole or not there.
    """
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"'{name}' can't be a voice's name: up to 40 small letters, digits, - and _ are right, such as anna-2"
        )
    path = folder / f"{name}{SUFFIX}"
    if path.exists():
        raise ConfigurationError(f"there is a voice '{name}' already", fix=f"rm '{path}', or take another name")
    check_sample(VoiceSample.of_chunk(audio), "the recording")
    partial = path.with_suffix(".partial")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as target, wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(audio.sample_rate_hz)
            file.writeframes(audio.pcm)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise ConfigurationError(f"{path} can't be written: {error.strerror}") from error
    return path
