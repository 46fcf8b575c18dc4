"""The judge of a silence: asks what can tell whether the turn is over, each once it is worth asking."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from vivavoce.conversation.policy import Evidence
from vivavoce.conversation.words import words
from vivavoce_api import AudioChunk, TurnDetectorSession, VivavoceError

logger = logging.getLogger(__name__)

# Silence at which the turn detector looks (again). It knows at once nearly all that it will know, and more silence
# moves it slowly; the later looks catch turns that it first doubted. Shorter silences are the closures within words:
# a look takes 50-100 ms of a core, and one that is wasted delays the next.
DETECTOR_LOOKS_MS = (40.0, 200.0, 450.0, 900.0)

Completeness = Callable[[str], Awaitable[float]]
"""The probability that the user's turn, with this text, is complete."""


class Judge:
    """Gathers the evidence on the silences of one turn.

    Each signal runs in a task of `group`, so that none waits for another, and each is asked one thing at a time;
    `changed` is set as an answer arrives. When the voice returns, what is being asked is abandoned.
    """

    def __init__(
        self,
        detector: TurnDetectorSession | None,
        completeness: Completeness | None,
        pauses_ms: Sequence[float],
        changed: asyncio.Event,
    ) -> None:
        self._detector = detector
        self._completeness = completeness
        self._changed = changed
        self._looks = 0
        self._read: list[str] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._unknown = Evidence(pauses_ms=pauses_ms)
        self.evidence = self._unknown

    @property
    def is_reading(self) -> bool:
        """Whether the language model is being asked."""
        return _is_running(self._reading)

    def voice_returned(self) -> None:
        """The silence is over, and with it all that was known about it."""
        self.close()
        self._looks = 0
        self._read = None
        self.evidence = self._unknown

    def look(self, group: asyncio.TaskGroup, silence_ms: float, turn: Callable[[], AudioChunk]) -> None:
        """Ask the turn detector, once for each of the silences at which it is worth asking."""
        due = sum(look_ms <= silence_ms for look_ms in DETECTOR_LOOKS_MS)
        if self._detector is not None and due > self._looks and not _is_running(self._looking):
            self._looks = due
            self._looking = group.create_task(self._ask_detector(self._detector, turn()))

    def read(self, group: asyncio.TaskGroup, text: str) -> None:
        """Ask the language model about `text`, once for each wording."""
        if self._completeness is None or self._read == words(text) or self.is_reading:
            return
        self._read = words(text)
        self._reading = group.create_task(self._ask_model(self._completeness, text))

    def close(self) -> None:
        """Stop asking."""
        for task in (self._looking, self._reading):
            if task is not None:
                task.cancel()
        self._looking = self._reading = None

    async def _ask_detector(self, detector: TurnDetectorSession, turn: AudioChunk) -> None:
        probability = await detector.probability(turn)
        self.evidence = replace(self.evidence, audio_probability=probability)
        self._changed.set()

    async def _ask_model(self, completeness: Completeness, text: str) -> None:
        try:
            probability = await completeness(text)
            self.evidence = replace(self.evidence, text_probability=probability)
        except VivavoceError as error:  # the reply will tell the user, if it fails as well
            logger.warning("asking whether the turn is over failed: %s", error.message)
        self._changed.set()


def _is_running(task: asyncio.Task[None] | None) -> bool:
    return task is not None and not task.done()
