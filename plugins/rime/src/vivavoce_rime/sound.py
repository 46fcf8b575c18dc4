"""From the bytes of a clause to chunks of sound with the words that begin in them."""

from __future__ import annotations

from collections.abc import Iterator

from vivavoce_api import BYTES_PER_SAMPLE, AudioChunk, SpeechChunk
from vivavoce_rime.heard import Heard, Sound
from vivavoce_rime.words import WordClock

SHORTEST_CHUNK_MS, LONGEST_CHUNK_MS = 20, 100
"""Less is held back until more comes or the clause ends; more is cut."""


class ClauseSound:
    """The sound of one clause, which begins `start_ms` after the reply's; bytes of a split sample are rejoined."""

    def __init__(self, words: WordClock, sample_rate_hz: int) -> None:
        self._words = words
        self._rate = sample_rate_hz
        self._pending = b""
        self.samples = 0

    @property
    def duration_ms(self) -> float:
        """Length of the chunks given so far."""
        return self.samples * 1000 / self._rate

    def add(self, heard: Heard) -> Iterator[SpeechChunk]:
        """The chunks that are ready now."""
        if not isinstance(heard, Sound):
            self._words.tell(heard)
            return
        self._pending += heard.pcm
        longest = self._bytes(LONGEST_CHUNK_MS)
        while len(self._pending) >= self._bytes(SHORTEST_CHUNK_MS) + BYTES_PER_SAMPLE:
            # The newest sample stays, so that `finish` has a chunk for the words that are left.
            ready = (len(self._pending) - BYTES_PER_SAMPLE) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE
            yield self._chunk(min(longest, ready))

    def finish(self) -> Iterator[SpeechChunk]:
        """The last chunk, with all words that are left; nothing where there was no sound. Half a sample is dropped."""
        pcm = self._pending[: len(self._pending) // BYTES_PER_SAMPLE * BYTES_PER_SAMPLE]
        if pcm:
            self.samples += len(pcm) // BYTES_PER_SAMPLE
            yield SpeechChunk(AudioChunk(pcm, self._rate), self._words.rest(self.duration_ms))

    def _chunk(self, size: int) -> SpeechChunk:
        audio = AudioChunk(self._pending[:size], self._rate)
        self._pending = self._pending[size:]
        self.samples += audio.samples
        return SpeechChunk(audio, self._words.begun(self.duration_ms))

    def _bytes(self, duration_ms: int) -> int:
        return duration_ms * self._rate // 1000 * BYTES_PER_SAMPLE
