"""The conformance kit, on the real model and on a real voice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soxr

from vivavoce_api import AudioChunk
from vivavoce_api.testing import HERE, IN_WORKER, LoadedEngine, SpeechToTextConformance
from vivavoce_api.testing.sound import read_wav

SPEECH = Path(__file__).parents[2] / "data" / "speech"


@pytest.mark.slow
class TestWhisper(SpeechToTextConformance):
    plugin = "whisper"
    ways = (HERE, IN_WORKER)
    options = {"device": "cpu"}  # noqa: RUF012 - the kit's ClassVar
    reference = "We asked over 20 different people, and they all said it was his."

    def clip(self, loaded: LoadedEngine) -> AudioChunk:
        audio = read_wav(SPEECH / "common_voice_en_10119832.wav")
        samples = soxr.resample(np.frombuffer(audio.pcm, "<i2"), audio.sample_rate_hz, 16_000)
        return AudioChunk(samples.astype("<i2").tobytes(), 16_000)
