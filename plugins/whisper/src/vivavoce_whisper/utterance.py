"""What is known of the utterance that is being spoken, and which pass it needs next. No clock, no threads."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce_api import BYTES_PER_SAMPLE, Transcript
from vivavoce_whisper.decoder import SAMPLE_RATE_HZ, Decoded


@dataclass(frozen=True, slots=True)
class Need:
    """A pass that is needed: it must cover the first `samples` of the utterance."""

    samples: int
    urgent: bool


class Utterance:
    """The audio so far, the newest transcript of it, and what has been asked for.

    Only the audio that is not settled yet is kept. All positions are in samples from the utterance's start.
    """

    def __init__(self, partial_every_samples: int) -> None:
        self._partial_every = partial_every_samples
        self._pcm = bytearray()
        self._settled_text = ""
        self._settled = 0
        self._text = ""
        self._end_of_turn: float | None = None
        self._known = 0
        self._requested = 0
        self._flushed: int | None = None
        self.ended = False

    @property
    def samples(self) -> int:
        """Length of the whole utterance so far."""
        return self._settled + len(self._pcm) // BYTES_PER_SAMPLE

    @property
    def is_complete(self) -> bool:
        """It has ended and the transcript covers all of it."""
        return self.ended and self._known == self.samples

    def add(self, pcm: bytes) -> None:
        """More audio came."""
        self._pcm += pcm

    def flush(self) -> None:
        """The voice fell silent here."""
        self._flushed = self.samples

    def need(self) -> Need | None:
        """The most pressing pass, if any."""
        if self.ended:
            return None if self.is_complete else Need(self.samples, urgent=True)
        if self._flushed is not None and self._flushed > self._known:
            return Need(self._flushed, urgent=True)
        if self.samples - max(self._known, self._requested) >= self._partial_every:
            return Need(self.samples, urgent=False)
        return None

    def request(self) -> bytes:
        """The unsettled audio, for a pass that begins now or soon."""
        self._requested = self.samples
        return bytes(self._pcm)

    def learn(self, decoded: Decoded, samples: int) -> None:
        """A pass over the audio up to `samples`, the newest requested one, is done."""
        del self._pcm[: decoded.settled_samples * BYTES_PER_SAMPLE]
        self._settled += decoded.settled_samples
        self._settled_text = _joined(self._settled_text, decoded.settled_text)
        self._text = _joined(self._settled_text, decoded.text)
        self._end_of_turn = decoded.end_of_turn
        self._known = samples

    def take_flush_answer(self) -> bool:
        """Whether a flush is waiting that the newest transcript answers; it is answered with that."""
        answered = self._flushed is not None and self._flushed <= self._known
        if answered:
            self._flushed = None
        return answered

    def transcript(self) -> Transcript:
        """The newest one; final if it is complete."""
        audio_ms = self._known * 1000 / SAMPLE_RATE_HZ
        return Transcript(self._text, audio_ms, final=self.is_complete, end_of_turn=self._end_of_turn)


def _joined(first: str, second: str) -> str:
    return f"{first} {second}".strip()
