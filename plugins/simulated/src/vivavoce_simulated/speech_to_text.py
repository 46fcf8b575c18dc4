"""Speech-to-text that knows beforehand what will be said."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np

from vivavoce_api import AudioChunk, ClientError, Flush, SessionContext, Transcript
from vivavoce_simulated.closing import Closing
from vivavoce_simulated.faults import Faults
from vivavoce_simulated.options import SESSION_PARAMETER, SpeechToTextOptions
from vivavoce_simulated.script import Turn

LEVEL_WINDOW_MS = 10

_PARAMETER = re.compile("[0-9]{1,6}")


class SimulatedSpeechToText:
    """The engine: a script and its options."""

    max_sessions = None

    def __init__(self, options: SpeechToTextOptions, script: Sequence[Turn]) -> None:
        self._options = options
        self._script = script
        self._faults = Faults(options)

    async def open_session(self, context: SessionContext) -> SimulatedSpeechToTextSession:
        """Open a session; its first turn is the script's first, or the one that the client asks for.

        Raises `ClientError` where `script_from` is no whole number from 0 to 999,999.
        """
        first = context.parameters.get(SESSION_PARAMETER, "0")
        if not _PARAMETER.fullmatch(first):
            raise ClientError(f"{SESSION_PARAMETER} must be a whole number from 0 to 999999")
        self._faults.open()
        return SimulatedSpeechToTextSession(self._options, self._script, self._faults, int(first))

    async def close(self) -> None:
        """Nothing to free."""


class Utterance:
    """The audio that came so far: its length, where the voice began, and what is asked for."""

    def __init__(self, voiced_above_dbfs: float) -> None:
        self.audio_ms = 0.0
        self.voiced_from_ms: float | None = None
        self.flush_ms = 0.0
        self.ended = False
        self.changed = asyncio.Event()
        self._threshold = 32768 * 10 ** (voiced_above_dbfs / 20)

    async def read(self, audio: AsyncIterator[AudioChunk | Flush]) -> None:
        """Take in all audio; what it raises comes through."""
        try:
            async for item in audio:
                if isinstance(item, Flush):
                    self.flush_ms = self.audio_ms
                else:
                    self._take(item)
                self.changed.set()
        finally:
            self.ended = True
            self.changed.set()

    def _take(self, chunk: AudioChunk) -> None:
        if self.voiced_from_ms is None:
            offset_ms = voice_onset_ms(chunk, self._threshold)
            if offset_ms is not None:
                self.voiced_from_ms = self.audio_ms + offset_ms
        self.audio_ms += chunk.duration_ms


def voice_onset_ms(chunk: AudioChunk, threshold: float) -> float | None:
    """Where the first 10 ms of an RMS level above `threshold` (in samples' units) begin; None: nowhere."""
    samples = np.frombuffer(chunk.pcm, "<i2").astype(np.float64)
    size = max(1, chunk.sample_rate_hz * LEVEL_WINDOW_MS // 1000)
    for start in range(0, len(samples), size):
        if math.sqrt(np.mean(samples[start : start + size] ** 2)) > threshold:
            return start * 1000 / chunk.sample_rate_hz
    return None


class SimulatedSpeechToTextSession:
    """One conversation: each utterance in which a voice was heard is one turn of the script."""

    def __init__(
        self, options: SpeechToTextOptions, script: Sequence[Turn], faults: Faults, first_turn: int = 0
    ) -> None:
        self._options = options
        self._script = script
        self._faults = faults
        self._turn = first_turn
        self._closing = Closing()
        self._utterance: Utterance | None = None

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """A pass for every `partial_every_ms` of new audio, for every flush, and for the end; one at a time.

        What comes while a pass runs waits for the next, which covers all of it. When nothing came after a pass
        over everything, the final repeats it at once. Cancelling ends a pass at once.
        """
        self._closing.check()
        utterance = self._utterance = Utterance(self._options.voiced_above_dbfs)
        reader = asyncio.create_task(utterance.read(audio))
        revealed, passes = Transcript("", 0.0), 0
        try:
            await self._faults.begin(self._closing)
            while await self._wait_for_work(utterance, revealed.audio_ms):
                self._faults.after(passes)
                passes += 1
                given_ms = utterance.audio_ms
                await self._closing.sleep_until(asyncio.get_running_loop().time() + self._options.pass_ms / 1000)
                revealed = self._revealed(utterance, given_ms)
                if utterance.ended and given_ms == utterance.audio_ms:
                    break
                yield revealed
            await reader
            yield replace(revealed, final=True)
        finally:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
            self._utterance = None
            self._turn += utterance.voiced_from_ms is not None

    async def _wait_for_work(self, utterance: Utterance, covered_ms: float) -> bool:
        """Wait until a pass is due (true), or all audio is covered and has ended (false)."""
        while True:
            self._closing.check()
            new_ms = utterance.audio_ms - covered_ms
            if utterance.ended:
                return new_ms > 0
            if new_ms >= self._options.partial_every_ms or utterance.flush_ms > covered_ms:
                return True
            utterance.changed.clear()
            await utterance.changed.wait()

    def _revealed(self, utterance: Utterance, given_ms: float) -> Transcript:
        """What has been said in the first `given_ms` of the audio."""
        if utterance.voiced_from_ms is None:
            return Transcript("", given_ms)
        voiced_ms = given_ms - utterance.voiced_from_ms
        said = [word for word in self._script[self._turn % len(self._script)] if word.end_ms <= voiced_ms]
        text = " ".join(word.word for word in said).strip()
        return Transcript(text, given_ms, end_of_turn=said[-1].end_of_turn if said else None)

    async def close(self) -> None:
        """End what runs with an `EngineError`."""
        self._closing.close()
        if self._utterance is not None:
            self._utterance.changed.set()
