"""What the tests of this plugin share."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
import soxr

from vivavoce_api import AudioChunk

CLIPS = Path(__file__).parents[2] / "data" / "speech"


def clip(path: Path) -> AudioChunk:
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return AudioChunk(soxr.resample(samples, file.getframerate(), 16_000).tobytes(), 16_000)


@pytest.fixture(scope="session")
def sentences() -> list[AudioChunk]:
    """Six sentences of real speech at 16 kHz."""
    return [clip(path) for path in sorted(CLIPS.glob("*.wav"))]


@pytest.fixture(scope="session")
def speech(sentences: list[AudioChunk]) -> AudioChunk:
    """One of them, 3.9 s."""
    return sentences[0]
