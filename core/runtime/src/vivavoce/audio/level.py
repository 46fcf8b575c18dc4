"""Where a sound begins and ends to the ear: the two ends of every latency that vivavoce reports."""

from __future__ import annotations

from vivavoce_api.audio import AudioChunk

STEP_MS = 5.0
# A step is voiced when it is no more than 35 dB below the loudest: room noise in a usual recording lies lower.
VOICED_BELOW_PEAK_DB = 35.0
# -46 dBFS: below it a listener in a quiet room hears nothing.
AUDIBLE_LEVEL = 10 ** (-46 / 20) * 32768


def last_voiced_ms(audio: AudioChunk) -> float:
    """The end of the last voiced step of `audio`; 0 for silence."""
    levels = _levels(audio)
    if not levels or max(levels) < AUDIBLE_LEVEL:
        return 0.0
    threshold = max(levels) * 10 ** (-VOICED_BELOW_PEAK_DB / 20)
    return (max(index for index, level in enumerate(levels) if level >= threshold) + 1) * STEP_MS


def first_audible_ms(audio: AudioChunk) -> float | None:
    """The position of the first sample that can be heard; None when there is none."""
    import numpy as np

    loud = np.flatnonzero(np.abs(np.frombuffer(audio.pcm, "<i2").astype(np.int32)) >= AUDIBLE_LEVEL)
    return float(loud[0]) * 1000 / audio.sample_rate_hz if loud.size else None


def _levels(audio: AudioChunk) -> list[float]:
    """Root mean square of each step of 5 ms."""
    import numpy as np

    size = round(STEP_MS * audio.sample_rate_hz / 1000)
    samples = np.frombuffer(audio.pcm, "<i2").astype(np.float64)
    whole = samples[: len(samples) - len(samples) % size].reshape(-1, size)
    return [float(level) for level in np.sqrt((whole**2).mean(axis=1))]
