"""The ear: asks voice activity about sound in which a voice could be, and spares it what is known without it.

In most of a conversation the user listens or thinks, and a pass over that silence costs as much as one over a voice.
"""

from __future__ import annotations

from collections import deque

from vivavoce.conversation.loudness import FLOOR_RISE, Loudness, levels
from vivavoce_api import AudioChunk, VoiceActivitySession

# A room is quiet while every step stays below this level; browsers and telephones that suppress noise send less...
QUIET = 32768 * 10 ** (-55 / 20)
# ... and while it is steady: no step's high frequencies stand out from the quietest of late (which may rise by 3 dB a
# second), as they do where somebody speaks very softly. The differences between samples are taken for them: so hum and
# rumble, whose level sways by itself, don't look like a voice.
STEADY = 10 ** (3.5 / 20)
LOWEST = 1.0
# A room is quiet again so many windows (of 32 ms) after the last that was not. As many that were passed over are heard
# after all when it stirs: for the soft beginning of a word, and so that the model hears it out of the silence before.
AFTER_WINDOWS = 8
BEFORE_WINDOWS = 8
# What goes on loud after a window in which a voice was this likely is taken for the voice, and heard with the window
# that follows: most of a pass's cost is that a core which has slept must wake up.
SURE = 0.9


class Ear:
    """Follows one stream of windows."""

    def __init__(self, vad: VoiceActivitySession) -> None:
        self._vad = vad
        self._unheard: deque[AudioChunk] = deque(maxlen=BEFORE_WINDOWS)
        self._quiet_windows = 0
        self._floor = float(QUIET)
        self._latest = 0.0

    async def probability(self, window: AudioChunk, loudness: Loudness, *, in_speech: bool) -> float:
        """The probability of a voice in `window`, the newest of those that `loudness` follows.

        Not asked about are a quiet room's windows, of probability 0, and, for the time being, every second one of a
        sure voice that goes on loud, which has that of the one before. `in_speech`: the user is speaking, so that no
        window is passed over.
        """
        stirs = in_speech or loudness.loudest >= QUIET or self._is_unsteady(window)
        self._quiet_windows = 0 if stirs else self._quiet_windows + 1
        if self._quiet_windows > AFTER_WINDOWS:
            self._unheard.append(window)
            return 0.0
        if in_speech and self._latest >= SURE and loudness.loud_ms >= window.duration_ms and not self._unheard:
            self._unheard.append(window)
            return self._latest
        while self._unheard:
            await self._vad.probability(self._unheard.popleft())
        self._latest = await self._vad.probability(window)
        return self._latest

    def _is_unsteady(self, window: AudioChunk) -> bool:
        stirs = False
        for level in levels(window, differences=True):
            self._floor = max(LOWEST, min(level, self._floor * FLOOR_RISE))
            stirs = stirs or level > self._floor * STEADY
        return stirs
