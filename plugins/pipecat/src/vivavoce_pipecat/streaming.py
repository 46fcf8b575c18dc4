"""Utterances for services that hear audio as it comes and answer when they like."""

from __future__ import annotations

import asyncio

from pipecat.frames.frames import (
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    TranscriptionFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)

from vivavoce_api import AudioChunk, Flush, Transcript
from vivavoce_pipecat.call import Call

SETTLE_S = 0.15
"""Silence after a transcript that came after a pause: the service has no more to say about what went before."""


class StreamedUtterance:
    """One utterance.

    At a pause the service is told that the voice stopped, which makes most of them finish what they have. The
    audio up to there counts as transcribed when the service says so, when a transcript came and nothing
    follows it for `SETTLE_S`, or after `latency_s`, the time within which Pipecat's maintainers measured 99%
    of this service's final transcripts.
    """

    def __init__(self, call: Call, latency_s: float, transcribe_pauses: bool) -> None:
        self._call = call
        self._latency_s = latency_s
        self._transcribe_pauses = transcribe_pauses
        self._sent_ms = self._covered_ms = 0.0
        self._speaking = self._ended = False
        self._finals: list[str] = []
        self._interim = ""
        self.over = False
        self.deadline_s: float | None = None

    async def hear(self, item: AudioChunk | Flush | None) -> list[Transcript]:
        """The next piece of the utterance; None at its end."""
        if isinstance(item, AudioChunk):
            await self._speak(item)
            return []
        if item is None:
            return await self._end()
        if self._speaking and self._transcribe_pauses:
            await self._pause()
        return []

    async def receive(self, frame: object) -> list[Transcript]:
        """A frame from the service."""
        if isinstance(frame, InterimTranscriptionFrame):
            self._interim = frame.text
        elif isinstance(frame, TranscriptionFrame):
            self._finals.append(frame.text)
            self._interim = ""
            if self.deadline_s is not None:
                if frame.finalized:
                    return await self.expire()
                self.deadline_s = min(self.deadline_s, asyncio.get_running_loop().time() + SETTLE_S)
        return [self._transcript()]

    async def expire(self) -> list[Transcript]:
        """All that was said up to the pause is known."""
        self.deadline_s = None
        self._covered_ms = self._sent_ms
        self.over = self._ended
        return [self._transcript()]

    async def _speak(self, chunk: AudioChunk) -> None:
        if not self._speaking:
            self._speaking = True
            self.deadline_s = None
            await self._call.send(VADUserStartedSpeakingFrame())
        self._sent_ms += chunk.duration_ms
        await self._call.send(InputAudioRawFrame(chunk.pcm, chunk.sample_rate_hz, 1))

    async def _pause(self) -> None:
        self._speaking = False
        self.deadline_s = asyncio.get_running_loop().time() + self._latency_s
        await self._call.send(VADUserStoppedSpeakingFrame())

    async def _end(self) -> list[Transcript]:
        self._ended = True
        if self._speaking:
            await self._pause()
        await self._call.send(UserStoppedSpeakingFrame())
        return await self.expire() if self.deadline_s is None else []

    def _transcript(self) -> Transcript:
        words = " ".join(text.strip() for text in (*self._finals, self._interim))
        return Transcript(" ".join(words.split()), self._covered_ms, self.over)
