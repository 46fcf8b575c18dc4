"""The noise of a room: what a microphone hears when nobody speaks."""

from __future__ import annotations

import numpy as np

from vivavoce_api import INPUT_SAMPLE_RATE_HZ, AudioChunk

LOOP_S = 16
LOWEST_HZ = 50.0


class RoomNoise:
    """Endless noise of a stated level; the same seed gives the same noise.

    Its power falls by 3 dB an octave from 50 Hz on, as that of fans and far traffic does. 16 kHz; repeats
    after 16 s.
    """

    def __init__(self, level_dbfs: float, seed: int) -> None:
        samples = LOOP_S * INPUT_SAMPLE_RATE_HZ
        white = np.random.default_rng(seed).standard_normal(samples)
        frequencies = np.fft.rfftfreq(samples, 1 / INPUT_SAMPLE_RATE_HZ)
        spectrum = np.fft.rfft(white) / np.sqrt(np.maximum(frequencies, LOWEST_HZ))
        spectrum[0] = 0
        noise = np.fft.irfft(spectrum, samples)
        self._loop = noise / np.sqrt(np.mean(noise**2)) * 32768 * 10 ** (level_dbfs / 20)
        self._at = 0

    def take(self, samples: int) -> np.ndarray:
        """The next `samples` of noise, as float64 in the units of PCM16."""
        taken = np.take(self._loop, np.arange(self._at, self._at + samples), mode="wrap")
        self._at = (self._at + samples) % len(self._loop)
        return taken

    def silence(self, duration_ms: float) -> AudioChunk:
        """The next `duration_ms` of the room with nobody speaking."""
        return to_chunk(self.take(round(duration_ms * INPUT_SAMPLE_RATE_HZ / 1000)))

    def under(self, audio: AudioChunk) -> AudioChunk:
        """`audio` (16 kHz) as it sounds in the room."""
        return to_chunk(np.frombuffer(audio.pcm, "<i2") + self.take(audio.samples))


def to_chunk(samples: np.ndarray) -> AudioChunk:
    """Samples in the units of PCM16, rounded and clipped."""
    return AudioChunk(np.clip(np.rint(samples), -32768, 32767).astype("<i2").tobytes(), INPUT_SAMPLE_RATE_HZ)
