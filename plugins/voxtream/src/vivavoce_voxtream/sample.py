"""A voice's sample: read, and looked at for what makes a bad clone of it."""

from __future__ import annotations

import hashlib
import wave
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vivavoce_api import AudioChunk, ConfigurationError

SHORTEST_S, LONGEST_S = 3.0, 20.0
"""VoXtream takes 1 to 20 s and cuts the rest off; its authors recommend 3 to 10."""
LOWEST_RATE_HZ = 16_000
"""The codec keeps sound up to 12 kHz, the speaker encoder up to 8 kHz: less than that would be a telephone's voice."""
FULL_SCALE = 0.999
CLIPPED_SHARE = 0.001
"""A share of samples at full scale that can be heard as crackling."""
WINDOW_MS = 20
LOUDEST_DBFS = -45.0
"""Where even the loud parts are quieter, the sample is silence or was recorded much too softly."""
VOICED_BELOW_PEAK_DB, QUIET_BELOW_PEAK_DB = 20.0, 25.0
VOICED_S = 1.5
"""Voice that must be in the sample, however long its pauses."""
LEAST_PAUSES, LEAST_SPREAD = 0.03, 0.35
"""Speech pauses between words and syllables, and its level moves; noise, hum and most music do neither. Of the six
recordings in tests/data/speech and the twelve that come with voxtream, 13% or more of the windows lie 25 dB below the
loud ones, and the level within the voiced ones deviates by 0.47 of its mean or more; of white noise, 0% and 0.03."""


@dataclass(frozen=True, slots=True)
class VoiceSample:
    """A sample that was read: float samples between -1 and 1, mono. `key` is a digest of what can be heard."""

    samples: NDArray[np.float32]
    sample_rate_hz: int
    key: str

    @classmethod
    def of(cls, samples: NDArray[np.float32], sample_rate_hz: int) -> VoiceSample:
        """The sample with its key."""
        digest = hashlib.sha256(f"{sample_rate_hz} Hz;".encode())
        digest.update(np.ascontiguousarray(samples, dtype="<f4").tobytes())
        return cls(samples, sample_rate_hz, digest.hexdigest())

    @classmethod
    def of_chunk(cls, audio: AudioChunk) -> VoiceSample:
        """PCM16 as a sample."""
        return cls.of(np.frombuffer(audio.pcm, "<i2").astype(np.float32) / np.float32(32768), audio.sample_rate_hz)

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / self.sample_rate_hz


def read_sample(path: Path) -> VoiceSample:
    """The sample in a wav file of 16, 24 or 32 bits, its channels averaged. Blocks.

    Raises `ConfigurationError`; so does a file that is much longer than any sample, before it is read.
    """
    if not path.is_file():
        raise ConfigurationError(
            f"there is no voice sample {path}",
            fix="record 3 to 20 s of a voice, then: vivavoce voices add AGENT.yaml NAME RECORDING",
        )
    try:
        with wave.open(str(path)) as file:
            rate_hz, width, channels = file.getframerate(), file.getsampwidth(), file.getnchannels()
            duration_s = file.getnframes() / max(1, rate_hz)
            if duration_s > 10 * LONGEST_S:
                raise ConfigurationError(_too_long(str(path), duration_s))
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError, OSError) as error:
        raise ConfigurationError(
            f"{path} can't be read as a wav file ({error}); other formats are converted by `vivavoce voices add`",
        ) from None
    return VoiceSample.of(_mono(data, width, channels, path), rate_hz)


def _mono(data: bytes, width: int, channels: int, path: Path) -> NDArray[np.float32]:
    if width not in (2, 3, 4):
        raise ConfigurationError(f"{path} has samples of {8 * width} bits; wav files of 16, 24 or 32 bits are right")
    whole = np.frombuffer(data[: len(data) // (width * channels) * width * channels], np.uint8)
    widened = np.zeros((len(whole) // width, 4), np.uint8)
    widened[:, 4 - width :] = whole.reshape(-1, width)
    samples = widened.reshape(-1).view("<i4").astype(np.float32) / 2**31
    return samples.reshape(-1, channels).mean(axis=1, dtype=np.float32)


def check_sample(sample: VoiceSample, name: str) -> None:
    """Raises `ConfigurationError` with all that is wrong with the sample called `name`, and what would be right."""
    faults = faults_of(sample)
    if faults:
        raise ConfigurationError(f"{name} is no good as a voice sample: " + "; ".join(faults))


def faults_of(sample: VoiceSample) -> list[str]:
    """What is wrong with a sample, in words, each with what would be right; empty where it is good."""
    if sample.duration_s < SHORTEST_S:
        return [f"it is {sample.duration_s:.1f} s long; {SHORTEST_S:.0f} to {LONGEST_S:.0f} s are right, 10 are best"]
    faults = [] if sample.duration_s <= LONGEST_S else [_too_long("it", sample.duration_s)]
    if sample.sample_rate_hz < LOWEST_RATE_HZ:
        faults.append(f"its sample rate is {sample.sample_rate_hz} Hz; {LOWEST_RATE_HZ} Hz or more are right")
    levels = _levels(sample)
    loud = float(np.percentile(levels, 95))
    if _dbfs(loud) < LOUDEST_DBFS:
        faults.append(f"it is silent, or nearly so ({_dbfs(loud):.0f} dBFS); speak closer to the microphone")
        return faults
    clipped = float(np.mean(np.abs(sample.samples) >= FULL_SCALE))
    if clipped > CLIPPED_SHARE:
        faults.append(f"it is clipped ({clipped:.1%} of it at full scale); record it with less gain")
    return faults + _faults_of_speech(levels, loud)


def _faults_of_speech(levels: NDArray[np.float64], loud: float) -> list[str]:
    voiced = levels > loud * 10 ** (-VOICED_BELOW_PEAK_DB / 20)
    pauses = float(np.mean(levels < loud * 10 ** (-QUIET_BELOW_PEAK_DB / 20)))
    spread = float(np.std(levels[voiced]) / np.mean(levels[voiced]))
    if pauses < LEAST_PAUSES and spread < LEAST_SPREAD:
        return ["no speech can be made out in it, its level never changes; one voice alone, in a quiet room, is right"]
    voiced_s = float(np.sum(voiced)) * WINDOW_MS / 1000
    if voiced_s < VOICED_S:
        return [f"it holds {voiced_s:.1f} s of voice, the rest is silence; {SHORTEST_S:.0f} s or more of it are right"]
    return []


def _too_long(name: str, duration_s: float) -> str:
    return f"{name} is {duration_s:.0f} s long; cut it to {SHORTEST_S:.0f} to {LONGEST_S:.0f} s, 10 are best"


def _levels(sample: VoiceSample) -> NDArray[np.float64]:
    """RMS of each 20 ms."""
    window = sample.sample_rate_hz * WINDOW_MS // 1000
    whole = sample.samples[: len(sample.samples) // window * window].astype(np.float64)
    return np.sqrt(np.mean(whole.reshape(-1, window) ** 2, axis=1))


def _dbfs(level: float) -> float:
    return 20 * float(np.log10(max(level, 1e-9)))
