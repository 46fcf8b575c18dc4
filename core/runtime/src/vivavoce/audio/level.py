"""Where a sound begins and ends to the ear: the two ends of every latency that vivavoce reports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from vivavoce_api.audio import AudioChunk

if TYPE_CHECKING:
    import numpy as np

STEP_MS = 5.0
# A step is voiced when it is no more than 35 dB below the loudest and stands 10 dB out of the recording's own noise,
# which is the level of its quietest steps; the later of the two alone would take the noise of a poor microphone for
# voice, and start the clock too late.
VOICED_BELOW_PEAK_DB = 35.0
VOICED_ABOVE_NOISE_DB = 10.0
NOISE_SHARE = 0.05
SILENT_DBFS = -96.0
# A click is shorter: at least half of the 40 ms up to the last voiced step are voiced themselves.
RUN_STEPS = 8
# -46 dBFS: below it a listener in a quiet room hears nothing.
AUDIBLE_DBFS = -46.0
AUDIBLE_LEVEL = 10 ** (AUDIBLE_DBFS / 20) * 32768


def last_voiced_ms(audio: AudioChunk) -> float:
    """The end of the last voiced step of `audio`, a recording without added noise; 0 for silence."""
    voiced = _voiced_steps(audio)
    return (voiced[-1] + 1) * STEP_MS if voiced else 0.0


def first_voiced_ms(audio: AudioChunk) -> float:
    """The start of the first voiced step of `audio`; 0 for silence."""
    backwards = AudioChunk(_samples(audio)[::-1].tobytes(), audio.sample_rate_hz)
    voiced = _voiced_steps(backwards)
    return max(0.0, audio.duration_ms - (voiced[-1] + 1) * STEP_MS) if voiced else 0.0


def first_audible_ms(audio: AudioChunk, after_ms: float = 0.0) -> float | None:
    """The position of the first sample, from `after_ms` on, that can be heard; None when there is none."""
    import numpy as np

    skipped = max(0, round(after_ms * audio.sample_rate_hz / 1000))
    loud = np.flatnonzero(np.abs(_samples(audio)[skipped:].astype(np.int32)) >= AUDIBLE_LEVEL)
    return float(loud[0] + skipped) * 1000 / audio.sample_rate_hz if loud.size else None


def levels_dbfs(audio: AudioChunk, step_ms: float = STEP_MS) -> list[float]:
    """Root mean square of each whole step, in dB of full scale; -96 for digital silence."""
    import numpy as np

    size = round(step_ms * audio.sample_rate_hz / 1000)
    samples = _samples(audio).astype(np.float64)
    whole = samples[: len(samples) - len(samples) % size].reshape(-1, size)
    return (20 * np.log10(np.maximum(np.sqrt((whole**2).mean(axis=1)), 0.5) / 32768)).tolist()


def noise_dbfs(audio: AudioChunk) -> float:
    """The recording's own noise: the level that its quietest 5% of steps stay under."""
    return _quietest(levels_dbfs(audio))


def quiet_around(audio: AudioChunk, at_ms: float) -> tuple[float, float]:
    """From where to where, around a position, no step of `audio` is voiced; both `at_ms` in one that is.

    A click is not, whichever side of it the voice is on.
    """
    levels = levels_dbfs(audio)
    threshold, first = _voice_threshold(levels), int(at_ms / STEP_MS)
    loud = [level >= threshold for level in levels]
    ending, beginning = _in_runs(loud), _in_runs(loud[::-1])[::-1]
    voiced = [ends or begins for ends, begins in zip(ending, beginning, strict=True)]
    if first >= len(voiced) or voiced[first]:
        return at_ms, at_ms
    last = first
    while first > 0 and not voiced[first - 1]:
        first -= 1
    while last + 1 < len(voiced) and not voiced[last + 1]:
        last += 1
    return first * STEP_MS, (last + 1) * STEP_MS


def _voice_threshold(levels: Sequence[float]) -> float:
    peak = max(levels, default=SILENT_DBFS)
    above_noise = min(_quietest(levels) + VOICED_ABOVE_NOISE_DB, peak - VOICED_ABOVE_NOISE_DB)
    return max(peak - VOICED_BELOW_PEAK_DB, above_noise)


def _quietest(levels: Sequence[float]) -> float:
    return sorted(levels)[int(len(levels) * NOISE_SHARE)] if levels else SILENT_DBFS


def _voiced_steps(audio: AudioChunk) -> list[int]:
    levels = levels_dbfs(audio)
    if not levels or max(levels) < AUDIBLE_DBFS:
        return []
    threshold = _voice_threshold(levels)
    in_runs = _in_runs([level >= threshold for level in levels])
    return [index for index, is_voiced in enumerate(in_runs) if is_voiced]


def _in_runs(loud: Sequence[bool]) -> list[bool]:
    """Which loud steps are no click."""
    return [
        is_loud and 2 * sum(loud[max(0, index + 1 - RUN_STEPS) : index + 1]) >= RUN_STEPS
        for index, is_loud in enumerate(loud)
    ]


def _samples(audio: AudioChunk) -> np.ndarray:
    import numpy as np

    return np.frombuffer(audio.pcm, "<i2")
