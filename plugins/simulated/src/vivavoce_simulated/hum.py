"""A soft hum, as long as the words would take."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from vivavoce_api import SpokenSpan

CHARACTER_MS = 65
PITCH_HZ = 150
PEAK = 0.25
FADE_MS = 10
HARMONICS = (1.0, 0.6, 0.4, 0.25, 0.15)


class Hum:
    """Sound and spans of one reply: each word hums 65 ms a character, with 65 ms of silence between words.

    A word without any letter or digit is not spoken; its text goes with the word after it (so that the spans
    still join to the text), or with 65 ms of silence where none follows. Positions count from the reply's start.
    """

    def __init__(self, sample_rate_hz: int) -> None:
        self._rate = sample_rate_hz
        self._samples = 0
        self._unspoken: list[str] = []
        self.pcm = bytearray()
        self.spans: list[SpokenSpan] = []

    def add(self, word: str) -> None:
        """Append a word."""
        if not any(character.isalnum() for character in word):
            self._unspoken.append(word)
            return
        if self._samples:
            self._append(self._silence())
        voiced = tone(self._count(CHARACTER_MS * len(word)), self._rate)
        self._append_span(" ".join([*self._unspoken, word]), voiced)

    def finish(self) -> None:
        """The text has ended."""
        if self._unspoken and self._samples:
            self._append_span(" ".join(self._unspoken), self._silence())

    def take(self, duration_ms: float) -> tuple[bytes, tuple[SpokenSpan, ...]]:
        """Cut off at most `duration_ms` of sound, with the spans that start in it."""
        size = 2 * self._count(duration_ms)
        end_ms = (self._samples - len(self.pcm) // 2 + min(size, len(self.pcm)) // 2) * 1000 / self._rate
        spans = tuple(span for span in self.spans if span.start_ms < end_ms)
        self.spans = self.spans[len(spans) :]
        pcm = bytes(self.pcm[:size])
        del self.pcm[:size]
        return pcm, spans

    @property
    def pending_ms(self) -> float:
        """Sound that was not taken yet."""
        return len(self.pcm) // 2 * 1000 / self._rate

    def _append_span(self, text: str, pcm: bytes) -> None:
        start = self._samples
        self._append(pcm)
        self.spans.append(SpokenSpan(text, start * 1000 / self._rate, self._samples * 1000 / self._rate))
        self._unspoken = []

    def _append(self, pcm: bytes) -> None:
        self.pcm += pcm
        self._samples += len(pcm) // 2

    def _silence(self) -> bytes:
        return bytes(2 * self._count(CHARACTER_MS))

    def _count(self, duration_ms: float) -> int:
        return round(duration_ms * self._rate / 1000)


@lru_cache(maxsize=32)
def tone(samples: int, sample_rate_hz: int) -> bytes:
    """A voiced-like tone of so many samples, faded in and out, as PCM16.

    Kept, since words are of few lengths, and every speculation hums the same ones: a benchmark shall not count that.
    """
    phase = 2 * np.pi * PITCH_HZ / sample_rate_hz * np.arange(samples)
    wave = sum(gain * np.sin((k + 1) * phase) for k, gain in enumerate(HARMONICS)) / sum(HARMONICS)
    fade = np.minimum(1, np.arange(samples) / (FADE_MS * sample_rate_hz / 1000))
    return (wave * np.minimum(fade, fade[::-1]) * PEAK * 32767).astype("<i2").tobytes()
