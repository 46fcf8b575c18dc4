"""Voice tracking: from one probability a window to the beginnings and ends of speech."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

# A window counts as voiced above the threshold; once speech goes on, a little less is enough, so that the soft
# ends of words do not break it. Both figures are silero's own (silero_vad.get_speech_timestamps: threshold - 0.15).
HYSTERESIS = 0.15


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
    until `reset` is called at the end of the turn. Positions are milliseconds of audio judged since the stream began.
    """

    window_ms: float
    threshold: float = 0.5
    start_windows: int = 2
    judged_ms: float = 0.0
    voiced_end_ms: float = 0.0
    voiced_run_ms: float = 0.0
    in_speech: bool = False

    def push(self, probability: float) -> Voice:
        """Judge the next window."""
        self.judged_ms += self.window_ms
        voiced = probability >= self.threshold - (HYSTERESIS if self.in_speech else 0.0)
        if not voiced:
            self.voiced_run_ms = 0.0
            return Voice.PAUSED if self.in_speech else Voice.SILENT
        self.voiced_run_ms += self.window_ms
        self.voiced_end_ms = self.judged_ms
        if self.in_speech:
            return Voice.VOICED
        if self.voiced_run_ms < self.start_windows * self.window_ms:
            return Voice.SILENT
        self.in_speech = True
        return Voice.STARTED

    @property
    def silence_ms(self) -> float:
        """Audio judged since the last voiced window ended."""
        return self.judged_ms - self.voiced_end_ms

    def reset(self) -> None:
        """The turn is over: the next voiced windows start a new one."""
        self.in_speech = False
        self.voiced_run_ms = 0.0
