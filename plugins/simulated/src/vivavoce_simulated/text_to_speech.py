"""A voice without words, at a stated pace."""

from __future__ import annotations

from collections.abc import AsyncIterator

from vivavoce_api import AudioChunk, SessionContext, SpeechChunk
from vivavoce_simulated.closing import Closing
from vivavoce_simulated.faults import Faults
from vivavoce_simulated.hum import Hum
from vivavoce_simulated.options import TextToSpeechOptions
from vivavoce_simulated.words import WordReader


class SimulatedTextToSpeech:
    """The engine: nothing but its options."""

    max_sessions = None

    def __init__(self, options: TextToSpeechOptions, sample_rate_hz: int) -> None:
        self._options = options
        self._rate = sample_rate_hz
        self._faults = Faults(options)

    async def open_session(self, context: SessionContext) -> SimulatedTextToSpeechSession:
        """Open a session."""
        self._faults.open()
        return SimulatedTextToSpeechSession(self._options, self._rate, self._faults)

    async def close(self) -> None:
        """Nothing to free."""


class SimulatedTextToSpeechSession:
    """One conversation's hum."""

    def __init__(self, options: TextToSpeechOptions, sample_rate_hz: int, faults: Faults) -> None:
        self._options = options
        self._rate = sample_rate_hz
        self._faults = faults
        self._closing = Closing()
        self._reader: WordReader | None = None

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """Hum the text. Closing ends it at once.

        The first chunk is ready `first_chunk_ms` after its text was known, each later one its length times
        `real_time_factor` after the one before and after its text was known, whatever the pace of its reader.
        It is shorter than `chunk_ms` where the text known so far gives no more.
        """
        self._closing.check()
        reader = self._reader = WordReader(text, streams_text=self._options.streams_text)
        hum = Hum(self._rate)
        ready_s: float | None = None
        chunks = 0
        try:
            await self._faults.begin(self._closing)
            while (known_s := await self._fill(hum, reader, at_once=ready_s is None)) is not None:
                self._faults.after(chunks)
                chunks += 1
                if ready_s is None:
                    ready_s = known_s + self._options.first_chunk_ms / 1000
                    await self._closing.sleep_until(ready_s)
                    self._add_known(hum, reader)
                    yield self._chunk(hum)
                else:
                    chunk = self._chunk(hum)
                    ready_s = max(ready_s, known_s) + chunk.audio.duration_ms / 1000 * self._options.real_time_factor
                    await self._closing.sleep_until(ready_s)
                    yield chunk
        finally:
            self._reader = None
            await reader.aclose()

    async def _fill(self, hum: Hum, reader: WordReader, *, at_once: bool) -> float | None:
        """Wait until there is sound for a chunk; returns when its text was known, or None at the end.

        A whole chunk's sound, or the rest of the text; of a clause, when nothing follows it yet; or any,
        where it must be `at_once`.
        """
        known_s = self._add_known(hum, reader)
        patient = self._options.streams_text and not at_once
        while hum.pending_ms == 0 or (patient and hum.pending_ms < self._options.chunk_ms):
            word = await reader.wait()
            if word is None:
                hum.finish()
                return known_s if hum.pending_ms else None
            hum.add(word.text)
            known_s = word.known_s if at_once else max(word.known_s, self._add_known(hum, reader))
        return known_s

    def _add_known(self, hum: Hum, reader: WordReader) -> float:
        """Add words that wait, up to a chunk's length; returns when the last of them was known (0: there was none)."""
        known_s = 0.0
        while hum.pending_ms < self._options.chunk_ms and (word := reader.known()) is not None:
            hum.add(word.text)
            known_s = word.known_s
        return known_s

    def _chunk(self, hum: Hum) -> SpeechChunk:
        pcm, spans = hum.take(self._options.chunk_ms)
        return SpeechChunk(AudioChunk(pcm, self._rate), spans)

    async def close(self) -> None:
        """End what runs with an `EngineError`."""
        self._closing.close()
        if self._reader is not None:
            self._reader.stop()
