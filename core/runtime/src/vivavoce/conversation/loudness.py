"""Loudness: where, within a window of sound, the voice stopped.

Voice activity models lag: silero holds its probability up for 40-80 ms after the last loud sample (measured on six
speakers). The level tells the end to 8 ms; the model tells that it was a voice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from vivavoce_api import AudioChunk

STEP_MS = 8.0
# Of a voice that comes back, silero is sure 20 to 160 ms (p5 to p90) after the pause has ended, late where the next
# word begins without voice, as in "twenty" or "things" (six speakers, 96 pauses put into their sentences). What is loud
# for longer, and no voice to it, is none.
ONSET_MS = 160.0
# A word may begin with a sound as short as this that silence follows: the release of a "t", a tongue that leaves the
# palate. Sooner after a voice it is the end of its last word, or a breath; the reader measured draws one after 250 ms.
BURST_MS = 16.0
BURST_AFTER_MS = 300.0
# The vowel comes within so long after it: a gap of less is a stop consonant.
BURST_BEFORE_MS = 200.0
# A step is loud when it stands clear of the background, and is no whisper beside the loudest of the last seconds.
ABOVE_FLOOR = 10 ** (9 / 20)
BELOW_PEAK = 10 ** (-35 / 20)
# The background follows quiet at once and rises by 3 dB a second; the peak falls by 5 dB a second.
FLOOR_RISE = 10 ** (3 * STEP_MS / 1000 / 20)
PEAK_FALL = 10 ** (-5 * STEP_MS / 1000 / 20)


@dataclass
class Loudness:
    """Follows one stream of sound.

    `loud_ms`: how long it was loud without a break up to the last window's end; `burst_ms`: how long it was so the last
    time, not counting less than 16 ms; `quiet_ms`: the time since; `loudest`: the level of that window's loudest step,
    of 32768.
    """

    floor: float = 32768.0
    peak: float = 1.0
    loud_ms: float = 0.0
    burst_ms: float = 0.0
    quiet_ms: float = 0.0
    loudest: float = 0.0

    def loud_until_ms(self, window: AudioChunk) -> float:
        """The end of the last loud step of `window`, in milliseconds from its start; 0 where none is loud."""
        until_ms = self.loudest = 0.0
        for index, level in enumerate(levels(window)):
            self.loudest = max(self.loudest, level)
            self.floor = max(1.0, min(level, self.floor * FLOOR_RISE))
            self.peak = max(level, self.peak * PEAK_FALL)
            is_loud = self._is_loud(level)
            until_ms = (index + 1) * STEP_MS if is_loud else until_ms
            self._count(is_loud)
        return until_ms

    def begins_in(self, rest: AudioChunk, silence_ms: float) -> bool:
        """Whether a voice may be coming back in `rest`, the sound after the last window, or at that window's end.

        It has become loud, and not for so long yet that the model would know; or it was so just now, if but for a
        moment, long after the last voice. `silence_ms`: the time from that voice to the window's end.
        """
        loud = [self._is_loud(level) for level in levels(rest)]
        begins = self.loud_ms < ONSET_MS and (any(loud) or (self.loud_ms > 0 and not loud))
        began_after_ms = silence_ms - self.quiet_ms - self.burst_ms
        began = began_after_ms >= BURST_AFTER_MS and 0 < self.burst_ms < ONSET_MS and self.quiet_ms < BURST_BEFORE_MS
        return begins or began

    def _count(self, is_loud: bool) -> None:
        self.loud_ms = self.loud_ms + STEP_MS if is_loud else 0.0
        self.quiet_ms += STEP_MS
        if self.loud_ms >= BURST_MS:
            self.burst_ms, self.quiet_ms = self.loud_ms, 0.0

    def _is_loud(self, level: float) -> bool:
        return level > max(self.floor * ABOVE_FLOOR, self.peak * BELOW_PEAK)


def levels(window: AudioChunk, *, differences: bool = False) -> list[float]:
    """Root mean square of each whole step; with `differences`, of the step from each sample to the next."""
    import numpy as np

    size = round(STEP_MS * window.sample_rate_hz / 1000)
    samples = np.frombuffer(window.pcm, "<i2").astype(np.float32)
    if differences:
        samples[1:] -= samples[:-1]
        samples[:1] = 0
    # A dot product a step: on a core that has slept, each function of numpy's costs more than all of its arithmetic.
    steps = (samples[start : start + size] for start in range(0, len(samples) - size + 1, size))
    return [math.sqrt(step.dot(step) / size) for step in steps]
