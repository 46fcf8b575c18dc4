"""Recordings of people, with what is said in them and when."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vivavoce.audio.files import read_audio
from vivavoce.audio.level import first_voiced_ms, last_voiced_ms, levels_dbfs
from vivavoce_api import AudioChunk, ConfigurationError

SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a")
# The scripts of the simulated speech-to-text count from the first 10 ms louder than this (its `voiced_above_dbfs`).
SCRIPT_ONSET_DBFS = -40.0
SCRIPT_STEP_MS = 10.0


@dataclass(frozen=True, slots=True)
class Word:
    """A word and where it ends, in ms from the start of the recording."""

    text: str
    end_ms: float


@dataclass(frozen=True, slots=True)
class Clip:
    """One recorded utterance at 16 kHz, without added noise. Positions count from the recording's start.

    `voiced_from_ms` and `voiced_until_ms` enclose all voice; `onset_ms` is where a script's times begin.
    """

    name: str
    audio: AudioChunk
    words: tuple[Word, ...]
    voiced_from_ms: float
    voiced_until_ms: float
    onset_ms: float


def load_clips(folder: Path, script: Path | None = None) -> list[Clip]:
    """The recordings in `folder`, in the order of their names.

    The words' times come from `script` (JSON: for each clip a list of {word, end_ms}, counted from its first voiced
    10 ms); without one, the words of the folder's `transcripts.tsv` are spread over the voice by their length.
    Blocks. Raises `ConfigurationError` for a folder without speech and a script of another length.
    """
    files = sorted(path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES)
    if not files:
        raise ConfigurationError(f"{folder} holds no recordings ({', '.join(SUFFIXES)})", fix="--clips FOLDER")
    timed = _read_script(script, len(files)) if script is not None else [None] * len(files)
    texts = _read_transcripts(folder / "transcripts.tsv")
    return [_clip(path, words, texts.get(path.name)) for path, words in zip(files, timed, strict=True)]


def _clip(path: Path, timed: list[Word] | None, text: str | None) -> Clip:
    audio = read_audio(path)
    start_ms, end_ms = first_voiced_ms(audio), last_voiced_ms(audio)
    if not end_ms:
        raise ConfigurationError(f"{path} holds nothing but silence")
    onset_ms = onset_of(audio)
    if timed is not None:
        words = [Word(word.text, word.end_ms + onset_ms) for word in timed]
    else:
        words = spread_words(text or placeholder(end_ms - start_ms), start_ms, end_ms)
    return Clip(path.name, audio, tuple(words), start_ms, end_ms, onset_ms)


def onset_of(audio: AudioChunk) -> float:
    """Where the first 10 ms above -40 dBFS begin; 0 where all is softer."""
    levels = levels_dbfs(audio, SCRIPT_STEP_MS)
    return next((index * SCRIPT_STEP_MS for index, level in enumerate(levels) if level > SCRIPT_ONSET_DBFS), 0.0)


def spread_words(text: str, start_ms: float, end_ms: float) -> list[Word]:
    """The words of `text`, each given a share of the time by its length."""
    words = text.split()
    total = sum(len(word) for word in words)
    said, spread = 0, []
    for word in words:
        said += len(word)
        spread.append(Word(word, start_ms + (end_ms - start_ms) * said / total))
    return spread


def placeholder(duration_ms: float) -> str:
    """Words for a recording of which no text is known: about as many as people say in that time."""
    return " ".join(["word"] * max(1, round(duration_ms / 350)))


def _read_script(path: Path, clips: int) -> Sequence[list[Word]]:
    try:
        turns = [[Word(str(w["word"]), float(w["end_ms"])) for w in turn] for turn in json.loads(path.read_bytes())]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the script {path} can't be read: {error}") from error
    if len(turns) != clips:
        raise ConfigurationError(f"the script {path} has {len(turns)} turns for {clips} clips")
    return turns


def _read_transcripts(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8") as file:
        return {row["file"]: row["transcript"] for row in csv.DictReader(file, delimiter="\t")}
