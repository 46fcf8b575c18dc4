"""Synthetic speakers: one clause or sentence in, dry speech at 16 kHz out."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import hibari
import numpy as np
import soundfile
import soxr
from rooms import RATE_HZ, Sound, trimmed


@dataclass(frozen=True, slots=True)
class Voice:
    """`family`: hibari, piper or espeak. `speed` 1 is the voice's own; `pitch` moves pitch and formants alike."""

    family: str
    speed: float
    pitch: float


VOICES = (
    Voice("hibari", 0.85, 1.0),
    Voice("hibari", 1.0, 1.0),
    Voice("hibari", 1.15, 0.94),
    Voice("hibari", 1.0, 0.82),
    Voice("hibari", 1.2, 1.08),
    Voice("hibari", 0.95, 0.76),
    Voice("piper", 1.0, 1.0),
    Voice("piper", 1.15, 1.07),
    Voice("piper", 0.9, 0.93),
    Voice("piper", 1.05, 1.2),
    Voice("espeak", 0.95, 1.0),
)


@dataclass(frozen=True, slots=True)
class Line:
    """What one voice shall say."""

    text: str
    voice: Voice


def speak(lines: Sequence[Line], piper_python: str) -> dict[Line, Sound]:
    """The speech of all lines, without silence around it. `piper_python` has piper-tts and a voice of it installed."""
    raw = {line: _hibari(line) for line in lines if line.voice.family == "hibari"}
    raw |= {line: _espeak(line) for line in lines if line.voice.family == "espeak"}
    raw |= _piper([line for line in lines if line.voice.family == "piper"], piper_python)
    return {line: trimmed(_as_spoken(*sound, line.voice.pitch)) for line, sound in raw.items()}


def _as_spoken(sound: Sound, rate_hz: int, pitch: float) -> Sound:
    return soxr.resample(sound, rate_hz * pitch, RATE_HZ).astype(np.float32)


def _synthesis_speed(voice: Voice) -> float:
    """Playing faster for a higher pitch shortens the speech: the synthesis makes up for it."""
    return voice.speed / voice.pitch


@cache
def _heart() -> hibari.Hibari:
    return hibari.Hibari(voice="heart", threads=1)


def _hibari(line: Line) -> tuple[Sound, int]:
    parts = list(_heart().stream(line.text, speed=_synthesis_speed(line.voice), seed=0))
    return np.concatenate(parts).astype(np.float32), 24_000


def _espeak(line: Line) -> tuple[Sound, int]:
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        speed = str(round(165 * _synthesis_speed(line.voice)))
        subprocess.run(["espeak-ng", "-v", "en-us+m3", "-s", speed, "-w", file.name, line.text], check=True)
        return soundfile.read(file.name, dtype="float32")


def _piper(lines: Sequence[Line], python: str) -> dict[Line, tuple[Sound, int]]:
    with tempfile.TemporaryDirectory() as folder:
        orders = [
            {"text": line.text, "length_scale": 1 / _synthesis_speed(line.voice), "path": f"{folder}/{n}.wav"}
            for n, line in enumerate(lines)
        ]
        script = Path(__file__).with_name("piper_speaks.py")
        subprocess.run([python, str(script)], input=json.dumps(orders), text=True, check=True)
        return {line: soundfile.read(order["path"], dtype="float32") for line, order in zip(lines, orders, strict=True)}
