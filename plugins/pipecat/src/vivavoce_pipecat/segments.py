"""Utterances for services that transcribe whole segments: all audio so far, at each pause and at the end."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from itertools import count

from pipecat.frames.frames import (
    DataFrame,
    Frame,
    InputAudioRawFrame,
    TranscriptionFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.services.stt_service import SegmentedSTTService

from vivavoce_api import AudioChunk, Flush, Transcript
from vivavoce_pipecat.call import Call
from vivavoce_pipecat.pipeline import INPUT_SAMPLE_RATE_HZ

BYTES_PER_MS = 2 * INPUT_SAMPLE_RATE_HZ / 1000


@dataclass
class SegmentDoneFrame(DataFrame):
    """Follows all transcripts of the service's segment `number`, counted from 1."""

    number: int


def mark_segments(service: SegmentedSTTService) -> None:
    """Make the service say when a segment is done; by itself it says nothing when nothing was understood."""
    numbers = count(1)
    run_stt = service.run_stt

    async def run_and_mark(audio: bytes) -> AsyncGenerator[Frame | None, None]:
        number = next(numbers)
        async for frame in run_stt(audio):
            yield frame
        yield SegmentDoneFrame(number)

    setattr(service, "run_stt", run_and_mark)  # noqa: B010 - replaces a method of this one instance


class SegmentedUtterance:
    """One utterance. `next_number` counts the segments that the service is sent, as it does itself."""

    def __init__(self, call: Call, next_number: count[int], transcribe_pauses: bool) -> None:
        self._call = call
        self._next_number = next_number
        self._transcribe_pauses = transcribe_pauses
        self._pcm = bytearray()
        self._running: tuple[int, int] | None = None  # number, bytes
        self._due = self._ended = False
        self._covered_bytes = 0
        self._texts: list[str] = []
        self._text = ""
        self.over = False
        self.deadline_s: float | None = None

    async def hear(self, item: AudioChunk | Flush | None) -> list[Transcript]:
        """The next piece of the utterance; None at its end."""
        if isinstance(item, AudioChunk):
            self._pcm += item.pcm
            return []
        self._ended = self._ended or item is None
        self._due = self._ended or self._transcribe_pauses
        return await self._go_on()

    async def receive(self, frame: object) -> list[Transcript]:
        """A frame from the service."""
        if isinstance(frame, TranscriptionFrame):
            self._texts.append(frame.text.strip())
        elif isinstance(frame, SegmentDoneFrame):
            texts, self._texts = self._texts, []
            if self._running is not None and frame.number == self._running[0]:
                self._covered_bytes, self._running = self._running[1], None
                self._text = " ".join(filter(None, texts))
                self._call.expect_nothing_yet()
                partial = [] if self._all_covered else [self._transcript()]
                return partial + await self._go_on(fresh=True)
        return []

    async def expire(self) -> list[Transcript]:
        """Never due: segments say when they are done."""
        return []

    @property
    def _all_covered(self) -> bool:
        return self._covered_bytes == len(self._pcm)

    async def _go_on(self, fresh: bool = False) -> list[Transcript]:
        """Start the pass that is due, or say what is known; `fresh`: it became known just now."""
        if self._running is not None:
            return []
        if self._all_covered:
            self.over, self._due = self._ended, False
            return [self._transcript()] if fresh or self._ended else []
        if self._due:
            self._due = False
            await self._transcribe()
        return []

    async def _transcribe(self) -> None:
        self._running = (next(self._next_number), len(self._pcm))
        self._call.expect()
        await self._call.send(
            VADUserStartedSpeakingFrame(),
            InputAudioRawFrame(bytes(self._pcm), INPUT_SAMPLE_RATE_HZ, 1),
            VADUserStoppedSpeakingFrame(),
        )

    def _transcript(self) -> Transcript:
        return Transcript(self._text, self._covered_bytes / BYTES_PER_MS, self.over)
