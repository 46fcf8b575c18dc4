"""Sound for tests: files, and a synthetic voice that needs no file."""

from __future__ import annotations

import array
import math
import sys
import wave
from pathlib import Path

from vivavoce_api.audio import BYTES_PER_SAMPLE, AudioChunk

PERIOD_STEPS = 512


def read_wav(path: Path) -> AudioChunk:
    """A PCM16 WAV file as one chunk; of several channels, the first. `ValueError` for other encodings."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != BYTES_PER_SAMPLE:
            raise ValueError(f"{path.name}: {8 * file.getsampwidth()}-bit samples, expected 16")
        channels, rate = file.getnchannels(), file.getframerate()
        samples = array.array("h", file.readframes(file.getnframes()))
    return AudioChunk(samples[::channels].tobytes(), rate)


def peak(audio: AudioChunk) -> float:
    """Largest magnitude, as a part of full scale (0 to 1)."""
    samples = array.array("h", audio.pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    return max((abs(sample) for sample in samples), default=0) / 32768


def speech_clip(duration_ms: float = 1500, sample_rate_hz: int = 16_000, pitch_hz: float = 120) -> AudioChunk:
    """Something voiced: harmonics of a gliding pitch under vowel-like formants, four syllables a second.

    Voice activity detectors tend to take it for a voice; there are no words in it.
    """
    period = [
        sum(_formants(k * pitch_hz) * math.sin(2 * math.pi * k * n / PERIOD_STEPS) for k in range(1, 20))
        for n in range(PERIOD_STEPS)
    ]
    samples, phase = array.array("h"), 0.0
    for n in range(round(duration_ms * sample_rate_hz / 1000)):
        time_s = n / sample_rate_hz
        phase += pitch_hz * (1 + 0.08 * math.sin(2 * math.pi * 0.9 * time_s)) / sample_rate_hz
        syllable = 0.5 - 0.5 * math.cos(2 * math.pi * 4 * time_s)
        voice = 0.15 * syllable * period[int(phase * PERIOD_STEPS) % PERIOD_STEPS]
        samples.append(round(max(-1.0, min(1.0, voice)) * 32767))
    if sys.byteorder == "big":
        samples.byteswap()
    return AudioChunk(samples.tobytes(), sample_rate_hz)


def _formants(frequency_hz: float) -> float:
    """Loudness of a harmonic in a vowel near "a": formants at 700, 1200 and 2500 Hz, 120 Hz wide or so."""
    return sum(gain / (1 + ((frequency_hz - at) / 120) ** 2) for at, gain in ((700, 1), (1200, 0.6), (2500, 0.25)))
