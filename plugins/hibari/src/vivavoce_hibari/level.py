"""Sound as the model gives it, made ready to be heard: trimmed, levelled, limited."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

VOICED_DBFS = -50.0
"""The model's silence lies below -140 dBFS, its softest consonants well above this."""
WINDOW_MS = 5
KEPT_BEFORE_MS, KEPT_AFTER_MS = 10, 40
TARGET_DBFS = -18.0
"""RMS of voiced parts. The model gives -24 to -26; -18 is where speech from other engines lies."""
GAIN_DB = (3.0, 10.0)
"""Bounds of the gain, so that a clause that happens to be a whisper is not blown up."""
KNEE, CEILING = 0.7, 0.97
"""The limiter leaves magnitudes up to the knee alone and bends all others to stay under the ceiling."""

Samples = NDArray[np.float32]


def trimmed(sound: Samples, sample_rate_hz: int) -> Samples:
    """Without the silence before and after it; empty when nothing is louder than -50 dBFS."""
    loud = np.flatnonzero(_levels_dbfs(sound, sample_rate_hz) > VOICED_DBFS)
    if not len(loud):
        return sound[:0]
    window = _samples(WINDOW_MS, sample_rate_hz)
    start = loud[0] * window - _samples(KEPT_BEFORE_MS, sample_rate_hz)
    end = (loud[-1] + 1) * window + _samples(KEPT_AFTER_MS, sample_rate_hz)
    return sound[max(0, start) : end]


def levelled(sound: Samples, sample_rate_hz: int) -> Samples:
    """At -18 dBFS where it is voiced, its peaks limited softly below 0.97 of full scale."""
    levels = _levels_dbfs(sound, sample_rate_hz)
    voiced = levels[levels > levels.max(initial=VOICED_DBFS) - 30]
    if not len(voiced):
        return sound
    rms_dbfs = 10 * np.log10(np.mean(10 ** (voiced / 10)))
    gain_db = np.clip(TARGET_DBFS - rms_dbfs, *GAIN_DB)
    return limited((sound * 10 ** (gain_db / 20)).astype(np.float32))


def limited(sound: Samples) -> Samples:
    """Bent softly above the knee, by a hyperbolic tangent that meets it with slope 1."""
    magnitude, room = np.abs(sound), CEILING - KNEE
    bent = KNEE + room * np.tanh((magnitude - KNEE) / room)
    return np.where(magnitude > KNEE, np.sign(sound) * bent, sound).astype(np.float32)


def pcm16(sound: Samples) -> bytes:
    """As little-endian 16-bit samples."""
    return np.clip(np.rint(sound * 32767), -32768, 32767).astype("<i2").tobytes()


def _levels_dbfs(sound: Samples, sample_rate_hz: int) -> NDArray[np.float64]:
    """RMS level of each 5 ms, the last one filled up with silence."""
    window = _samples(WINDOW_MS, sample_rate_hz)
    padded = np.pad(sound.astype(np.float64), (0, -len(sound) % window))
    return 10 * np.log10(np.mean(padded.reshape(-1, window) ** 2, axis=1) + 1e-15)


def _samples(duration_ms: float, sample_rate_hz: int) -> int:
    return round(duration_ms * sample_rate_hz / 1000)
