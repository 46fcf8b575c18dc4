"""What the detector sees of the last two seconds: loudness by frequency, and the pitch.

200 frames, 10 ms apart, of 73 numbers each: 40 mel bands from 80 to 5,000 Hz (25 ms windows, natural logarithm,
relative to the loud frames), and the normalized autocorrelation (50 ms windows) at 33 lags from 450 down to 65 Hz,
evenly spaced on a logarithmic scale, where the voice's pitch is a ridge. The autocorrelation is divided by that of its
window (Boersma 1993, "Accurate short-term analysis of the fundamental frequency").
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000
FRAMES, HOP = 200, 160
BANDS, LAGS = 40, 33
MEL_WINDOW, PITCH_WINDOW = 400, 800
SAMPLES = FRAMES * HOP + PITCH_WINDOW
CHANNELS = BANDS + LAGS

_MEL_HZ, _PITCH_HZ = (80.0, 5_000.0), (450.0, 65.0)
_MEL_FFT, _PITCH_FFT = 512, 1_536
_LOUD_QUANTILE = 0.9

Array = NDArray[np.float32]


def features(sound: Array) -> Array:
    """(CHANNELS, FRAMES) of the last SAMPLES of mono sound at 16 kHz, within -1 to 1; less is preceded by zeros."""
    sound = np.pad(sound[-SAMPLES:], (max(0, SAMPLES - len(sound)), 0)).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(sound, PITCH_WINDOW)[: FRAMES * HOP : HOP]
    return np.concatenate([_loudness(frames), _pitch(frames)], axis=1).T


def _loudness(frames: Array) -> Array:
    side = (PITCH_WINDOW - MEL_WINDOW) // 2
    inner = frames[:, side : side + MEL_WINDOW] * _hann(MEL_WINDOW)
    power = np.abs(np.fft.rfft(inner, _MEL_FFT, axis=1)).astype(np.float32) ** 2
    mel = np.log(power @ _mel_bank().T + 1e-9)
    loud = np.quantile(mel.mean(axis=1), _LOUD_QUANTILE)
    return (np.clip(mel - loud, -10, 4) / 3).astype(np.float32)


def _pitch(frames: Array) -> Array:
    spectrum = np.fft.rfft(frames * _hann(PITCH_WINDOW), _PITCH_FFT, axis=1)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2, _PITCH_FFT, axis=1)[:, :MEL_WINDOW]
    normalized = correlation / (correlation[:, :1] + 1e-6) / _window_correlation()
    lags = _lags()
    whole = lags.astype(int)
    part = lags - whole
    between = normalized[:, whole] * (1 - part) + normalized[:, whole + 1] * part
    return np.clip(between, -1, 1.2).astype(np.float32)


@cache
def _hann(size: int) -> Array:
    return np.hanning(size).astype(np.float32)


@cache
def _lags() -> NDArray[np.float64]:
    shortest, longest = (SAMPLE_RATE_HZ / hz for hz in _PITCH_HZ)
    return np.exp(np.linspace(np.log(shortest), np.log(longest), LAGS))


@cache
def _window_correlation() -> NDArray[np.float64]:
    power = np.abs(np.fft.rfft(_hann(PITCH_WINDOW), _PITCH_FFT)) ** 2
    correlation = np.fft.irfft(power, _PITCH_FFT)[:MEL_WINDOW]
    return correlation / correlation[0]


@cache
def _mel_bank() -> Array:
    """(BANDS, bins): triangles, evenly spaced on the mel scale 2595 log10(1 + f / 700), each of sum 1."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in _MEL_HZ)
    edges = 700 * (10 ** (np.linspace(low, high, BANDS + 2) / 2595) - 1)
    hz = np.arange(_MEL_FFT // 2 + 1) * SAMPLE_RATE_HZ / _MEL_FFT
    rising = (hz - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - hz) / (edges[2:] - edges[1:-1])[:, None]
    bank = np.minimum(rising, falling).clip(0)
    return (bank / bank.sum(axis=1, keepdims=True)).astype(np.float32)
