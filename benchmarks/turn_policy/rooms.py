"""Rooms and microphones: reverberation, noise and level around dry speech."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 16_000
SILENT_DBFS = -45.0
"""Below the loudest 10 ms by this much: silence before and after the speech."""
BEFORE_MS, AFTER_MS = 400, 1400

Sound = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Room:
    """`reverberation_s`: RT60, 0 is a headset. `noise_db`: below the speech. `tilt`: 0 white, 1 pink, 2 brown."""

    level_dbfs: float
    noise_db: float
    tilt: float
    reverberation_s: float
    seed: int


def some_room(rng: np.random.Generator) -> Room:
    """A room as calls come from: mostly quiet, some loud, a third of them audible."""
    return Room(
        level_dbfs=rng.uniform(-32, -14),
        noise_db=rng.uniform(16, 50),
        tilt=rng.uniform(0, 1.8),
        reverberation_s=rng.uniform(0.15, 0.6) if rng.random() < 0.35 else 0.0,
        seed=int(rng.integers(1 << 31)),
    )


def recorded(speech: Sound, room: Room) -> Sound:
    """Speech (n,) in its room: (400 ms + n + 1400 ms,), the speech at `level_dbfs`, noise all over it."""
    rng = np.random.default_rng(room.seed)
    dry = np.pad(speech, (BEFORE_MS * RATE_HZ // 1000, AFTER_MS * RATE_HZ // 1000))
    wet = _reverberated(dry, room, rng)
    loudness = np.sqrt(np.mean(speech[np.abs(speech) > 0.02 * np.abs(speech).max()] ** 2))
    gain = 10 ** (room.level_dbfs / 20) / loudness
    noise = noise_of(len(dry), room.tilt, rng) * 10 ** ((room.level_dbfs - room.noise_db) / 20)
    return np.clip(wet * gain + noise, -1, 1).astype(np.float32)


def to_pcm(sound: Sound) -> bytes:
    """Samples of 16 bits, little-endian."""
    return (np.clip(sound, -1, 1) * 32767).astype("<i2").tobytes()


def trimmed(sound: Sound, silent_db: float = SILENT_DBFS) -> Sound:
    """Without what is so far below its loudest 10 ms, at both ends."""
    size = RATE_HZ // 100
    padded = np.pad(sound, (0, -len(sound) % size))
    level = 10 * np.log10(np.mean(padded.reshape(-1, size) ** 2, axis=1) + 1e-12)
    loud = np.flatnonzero(level > level.max() + silent_db)
    return sound[loud[0] * size : (loud[-1] + 1) * size]


def noise_of(samples: int, tilt: float, rng: np.random.Generator) -> Sound:
    """Steady noise of RMS 1 whose power falls with frequency as f**-tilt, from 40 Hz."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    frequency = np.maximum(np.fft.rfftfreq(samples, 1 / RATE_HZ), 40.0)
    noise = np.fft.irfft(spectrum * frequency ** (-tilt / 2), samples)
    return (noise / np.sqrt(np.mean(noise**2))).astype(np.float32)


def _reverberated(dry: Sound, room: Room, rng: np.random.Generator) -> Sound:
    """Direct sound and an exponentially decaying tail of noise, 6 dB below it in energy."""
    if not room.reverberation_s:
        return dry
    t = np.arange(int(room.reverberation_s * RATE_HZ)) / RATE_HZ
    tail = rng.normal(size=len(t)) * 10 ** (-3 * t / room.reverberation_s)
    tail[: RATE_HZ // 500] = 0
    response = np.concatenate(([1.0], 0.5 * tail / np.sqrt(np.sum(tail**2))))
    size = len(dry) + len(response)
    return np.fft.irfft(np.fft.rfft(dry, size) * np.fft.rfft(response, size), size)[: len(dry)].astype(np.float32)
