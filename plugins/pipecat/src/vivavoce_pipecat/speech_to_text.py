"""A Pipecat speech-to-text service as a session: an utterance's audio in, transcripts out.

Pipecat knows two sorts. *Segmented* services transcribe a whole stretch of audio when they are told that the
voice has stopped; *streaming* ones hear audio as it comes, answer when they like, and most can be asked to
finish what they have. Each has a module of its own here.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import count

from pipecat.frames.frames import InterimTranscriptionFrame, STTMetadataFrame, TranscriptionFrame
from pipecat.services.ai_service import AIService
from pipecat.services.stt_service import SegmentedSTTService

from vivavoce_api import AudioChunk, Flush, Kind, Progress, Transcript
from vivavoce_pipecat.call import Call
from vivavoce_pipecat.engine import Closed, ServiceEngine
from vivavoce_pipecat.options import SpeechToTextServiceOptions
from vivavoce_pipecat.pipeline import ServicePipeline
from vivavoce_pipecat.recipe import Recipe, recipe
from vivavoce_pipecat.segments import SegmentDoneFrame, SegmentedUtterance, mark_segments
from vivavoce_pipecat.streaming import StreamedUtterance


@dataclass(frozen=True)
class Heard:
    """A piece of the utterance: audio, a `Flush`, or None for its end."""

    item: AudioChunk | Flush | None


class PipecatSpeechToTextSession:
    """One conversation's speech-to-text."""

    def __init__(self, recipe: Recipe, options: SpeechToTextServiceOptions, closed: Closed) -> None:
        self._segmented = issubclass(recipe.service, SegmentedSTTService)
        self._segment_numbers = count(1)
        wanted = (TranscriptionFrame, InterimTranscriptionFrame, SegmentDoneFrame)
        self._pipeline = ServicePipeline(recipe, options.timeout_s, wanted, self._adapt, interruptible=self._segmented)
        self._transcribe_pauses = options.transcribe_pauses
        self._closed = closed

    def _adapt(self, service: AIService) -> None:
        if isinstance(service, SegmentedSTTService):
            mark_segments(service)
            self._segment_numbers = count(1)

    def begin(self) -> None:
        """Make and connect the service in the background."""
        self._pipeline.begin()

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """Transcribe one utterance. Raises `EngineError`, and what `audio` raises.

        Closing the iterator abandons what the service still does: a segment's result is dropped when it comes,
        a streaming service gets a new connection with the next utterance.
        """
        async with self._pipeline.call() as call:
            call.expect_nothing_yet()
            utterance = self._utterance(call)
            hearing = asyncio.create_task(_hear(audio, call), name="pipecat audio")
            try:
                while not utterance.over:
                    for transcript in await _next_transcripts(call, utterance):
                        yield transcript
                call.finished = True
            finally:
                hearing.cancel()
                await asyncio.wait({hearing})

    def _utterance(self, call: Call) -> SegmentedUtterance | StreamedUtterance:
        if self._segmented:
            return SegmentedUtterance(call, self._segment_numbers, self._transcribe_pauses)
        metadata = call.service.service_metadata_frame()
        latency_s = metadata.ttfs_p99_latency if isinstance(metadata, STTMetadataFrame) else 1.0
        return StreamedUtterance(call, latency_s, self._transcribe_pauses)

    async def close(self) -> None:
        """End the service; cancels what is running. Idempotent."""
        self._closed(self)
        await self._pipeline.close()


async def _next_transcripts(call: Call, utterance: SegmentedUtterance | StreamedUtterance) -> list[Transcript]:
    item = await call.next(until_s=utterance.deadline_s)
    if item is None:
        return await utterance.expire()
    if isinstance(item, Heard):
        return await utterance.hear(item.item)
    return await utterance.receive(item)


async def _hear(audio: AsyncIterator[AudioChunk | Flush], call: Call) -> None:
    """Hand the utterance to the call, piece by piece; an error of it too."""
    try:
        async for item in audio:
            await call.put(Heard(item))
    except Exception as error:  # noqa: BLE001 - handed to the listener, who raises it
        await call.put(error)
    else:
        await call.put(Heard(None))


def load(options: SpeechToTextServiceOptions, progress: Progress) -> ServiceEngine[PipecatSpeechToTextSession]:
    """Check the service and its options. Connects nothing; sessions do."""
    return ServiceEngine(recipe(Kind.SPEECH_TO_TEXT, options), options, PipecatSpeechToTextSession)
