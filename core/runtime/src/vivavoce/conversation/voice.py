"""Voice tracking: from a probability and a level for each window to the beginnings and ends of speech."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A window counts as voiced above the threshold; once speech goes on, a little less is enough, so that the soft
# ends of words do not break it. Both figures are silero's own (silero_vad.get_speech_timestamps: threshold - 0.15).
HYSTERESIS = 0.15
# How long the level may contradict the model: it lags by 82 ms at most on the six speakers measured. Beyond this the
# model is believed: a soft voice in a loud room is a voice.
LAG_MS = 96.0


class Voice(Enum):
    """What the newest window was."""

    SILENT = "silent"
    STARTED = "started"
    VOICED = "voiced"
    PAUSED = "paused"


@dataclass
class VoiceTracker:
    """Follows one stream of windows.

    Speech starts when `start_windows` voiced windows stand in a row. From then on each window is VOICED or PAUSED
    until `reset` is called at the end of the turn. After a VOICED window, `voiced_until_ms` is where in it the voice
    ends.
    """

    window_ms: float
    threshold: float = 0.5
    start_windows: int = 2
    voiced_until_ms: float = 0.0
    in_speech: bool = False
    _run: int = 0
    _quiet_ms: float = 0.0

    def push(self, probability: float, loud_until_ms: float) -> Voice:
        """Judge the next window; `loud_until_ms` as `Loudness` tells it."""
        if probability < self.threshold - (HYSTERESIS if self.in_speech else 0.0):
            self._run = 0
            return Voice.PAUSED if self.in_speech else Voice.SILENT
        if not self.in_speech:
            self._run += 1
            if self._run < self.start_windows:
                return Voice.SILENT
            self.in_speech = True
            self._voiced(loud_until_ms or self.window_ms)
            return Voice.STARTED
        if loud_until_ms:
            self._voiced(loud_until_ms)
            return Voice.VOICED
        self._quiet_ms += self.window_ms
        if self._quiet_ms <= LAG_MS:
            return Voice.PAUSED
        self.voiced_until_ms = self.window_ms
        return Voice.VOICED

    def reset(self) -> None:
        """The turn is over: the next voiced windows start a new one."""
        self.in_speech = False
        self._run = 0

    def _voiced(self, until_ms: float) -> None:
        self.voiced_until_ms = until_ms
        self._quiet_ms = 0.0
