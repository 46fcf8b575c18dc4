"""Clips made of tones, and arrivals made of numbers: nothing here waits or listens."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from vivavoce.bench.clips import Clip, Word
from vivavoce_api import INPUT_SAMPLE_RATE_HZ, AudioChunk

MakeClip = Callable[..., Clip]


def _tone(duration_ms: float, peak: float = 8000, sample_rate_hz: int = INPUT_SAMPLE_RATE_HZ) -> AudioChunk:
    """A 200 Hz tone that begins at its peak, so that its first sample is heard."""
    at = np.arange(round(duration_ms * sample_rate_hz / 1000)) / sample_rate_hz
    return AudioChunk((np.cos(2 * np.pi * 200 * at) * peak).astype("<i2").tobytes(), sample_rate_hz)


@pytest.fixture
def tone() -> Callable[..., AudioChunk]:
    """Makes tones."""
    return _tone


@pytest.fixture
def make_clip() -> MakeClip:
    """A clip of 100 ms silence, a word of 200 ms and a gap of 50 ms for each word, and 400 ms of silence."""

    def make(words: int = 8, name: str = "clip.wav") -> Clip:
        silence = AudioChunk.silence(100, INPUT_SAMPLE_RATE_HZ).pcm
        gap = AudioChunk.silence(50, INPUT_SAMPLE_RATE_HZ).pcm
        pcm = silence + (_tone(200).pcm + gap) * words + silence * 4
        times = [Word(f"word{i}", 100 + 250 * i + 200) for i in range(words)]
        return Clip(name, AudioChunk(pcm, INPUT_SAMPLE_RATE_HZ), tuple(times), 100, times[-1].end_ms, 100)

    return make
