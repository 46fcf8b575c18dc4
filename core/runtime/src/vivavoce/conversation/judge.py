"""The judge of a silence: asks what can tell whether the turn is over, and says how long to wait yet."""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from vivavoce.conversation.turn_model import SMART_TURN, Signals, Style, wait_ms
from vivavoce.conversation.words import words
from vivavoce_api import AudioChunk, Transcript, TurnDetectorCapabilities, TurnDetectorSession, VivavoceError

logger = logging.getLogger(__name__)

# The model of turn_model.py counts silence from the last voiced window of the voice activity model, which stands so
# much later, on average, than the end of the voice by its level (benchmarks/turn_policy/README.md).
MODEL_LAG_MS = 75.0
# While the surest signal is still being asked for, nothing is decided; but not for ever.
PENDING_MS = 300.0
# The newest opinion of how the end sounds counts, but none of a longer silence than Whisper's was fitted to.
HEARD_UNTIL_MS = 120.0

Completeness = Callable[[str], Awaitable[float]]
"""The probability that the user's turn, with this text, is complete."""


class Judge:
    """Gathers the signals on the silences of one turn.

    Each is asked in a task of its own, one thing at a time; `changed` is set as an answer arrives. The words are judged
    while the user still speaks, too: that fills the model's prompt cache, so that the judgement that counts takes but
    the last few words. `style` counts silence from the end of the voice by its level. `wanted` says when `detector` is
    to be asked, and what its answers are worth.
    """

    def __init__(
        self,
        style: Style,
        detector: TurnDetectorSession | None,
        wanted: TurnDetectorCapabilities | None,
        completeness: Completeness | None,
        pauses_ms: Sequence[float],
        changed: asyncio.Event,
    ) -> None:
        self._style = replace(
            style, min_ms=max(0.0, style.min_ms - MODEL_LAG_MS), max_ms=max(0.0, style.max_ms - MODEL_LAG_MS)
        )
        self._detector = detector
        self._look_after_ms = math.inf if wanted is None else wanted.ask_after_ms
        self._fits = SMART_TURN if wanted is None or wanted.fits is None else wanted.fits
        self._completeness = completeness
        self._changed = changed
        self._pauses_ms = pauses_ms
        self._looked = False
        self._audio: float | None = None
        self._hears_ends = False
        self._heard: list[str] | None = None
        self._transcriber: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._said: list[str] | None = None
        self._read: list[str] | None = None
        self._text: float | None = None
        self._unread: str | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def is_reading(self) -> bool:
        """Whether the language model is being asked about what was said until this silence."""
        return _is_running(self._reading) and self._read == self._said

    def probability(self, text: str) -> float | None:
        """The language model's answer for these very words; None while it is not known."""
        return self._text if self._read == words(text) and not _is_running(self._reading) else None

    @property
    def wait_ms(self) -> float:
        """The silence, by level, after which the turn is over, as far as is known by now."""
        text = self._text if self._read == self._said and not self.is_reading else None
        signals = Signals(self._audio, text, self._transcriber, self._pauses_ms)
        wait = wait_ms(signals, self._style, self._fits) + MODEL_LAG_MS
        return max(wait, PENDING_MS) if self._is_pending else wait

    def voice_returned(self) -> None:
        """The silence is over, and what was known about it is void."""
        if self._looking is not None:
            self._looking.cancel()
        self._looked = False
        self._looking = self._audio = self._heard = self._transcriber = self._said = None

    def look(self, group: asyncio.TaskGroup, silence_ms: float, turn: Callable[[], AudioChunk]) -> None:
        """Ask the turn detector, once the silence is long enough."""
        if self._detector is not None and silence_ms >= self._look_after_ms and not self._looked and self._sound_counts:
            self._looked = True
            self._looking = group.create_task(self._ask_detector(self._detector, turn()))

    def read(self, group: asyncio.TaskGroup, transcript: Transcript, silence_ms: float | None) -> None:
        """Ask the language model about the transcript's text, once for each wording; note what its transcriber finds.

        `silence_ms`: how much silence it covers after all that was voiced; None where something voiced is missing in
        it, and it is asked about only when the model has nothing else to read, if it is still the newest then.
        """
        text, said, covers_all = transcript.text, words(transcript.text), silence_ms is not None
        self._hears_ends = self._hears_ends or transcript.end_of_turn is not None
        if silence_ms is not None and (
            silence_ms <= HEARD_UNTIL_MS or self._transcriber is None or self._heard != said
        ):
            self._heard, self._transcriber = said, transcript.end_of_turn
        if self._completeness is None:
            return
        if covers_all:
            self._said = said
        self._unread = None
        if self._read == said:
            return
        if _is_running(self._reading) and not covers_all:
            self._unread = text
            return
        if self._reading is not None:
            self._reading.cancel()
        self._read = said
        self._reading = group.create_task(self._ask_model(self._completeness, text))

    def close(self) -> None:
        """Stop asking."""
        for task in (self._looking, self._reading):
            if task is not None:
                task.cancel()
        self._looking = self._reading = None

    @property
    def _is_pending(self) -> bool:
        """Whether the surest of this agent's signals is still to come: the words, or else the sound where it counts."""
        if self._completeness is not None:
            return self._said is None or self.is_reading
        return self._sound_counts and (not self._looked or _is_running(self._looking))

    @property
    def _sound_counts(self) -> bool:
        """Whether the turn detector is to be asked: not where speech-to-text tells, or will, as it did in this turn."""
        is_heard = self._hears_ends if self._heard is None else self._transcriber is not None
        return self._detector is not None and not is_heard

    async def _ask_detector(self, detector: TurnDetectorSession, turn: AudioChunk) -> None:
        try:
            self._audio = await detector.probability(turn)
        except VivavoceError as error:
            logger.warning("the turn detector failed: %s", error.message)
        self._arrived()

    async def _ask_model(self, completeness: Completeness, text: str) -> None:
        await self._ask_about(completeness, text)
        while (unread := self._unread) is not None:
            self._unread, self._read = None, words(unread)
            await self._ask_about(completeness, unread)

    async def _ask_about(self, completeness: Completeness, text: str) -> None:
        self._text = None
        try:
            self._text = await completeness(text)
        except VivavoceError as error:  # the reply will tell the user, if it fails as well
            logger.warning("asking whether the turn is over failed: %s", error.message)
        self._arrived()

    def _arrived(self) -> None:
        asyncio.get_running_loop().call_soon(self._changed.set)  # by then this task counts as done


def _is_running(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()
