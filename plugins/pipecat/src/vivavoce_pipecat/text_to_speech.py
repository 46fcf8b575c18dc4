"""A Pipecat text-to-speech service as a session: text as it is written in, sound out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import numpy as np
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TTSAudioRawFrame,
)
from pipecat.utils.text.base_text_aggregator import TextType

from vivavoce_api import AudioChunk, Kind, Progress, SpeechChunk, clauses
from vivavoce_pipecat.call import Call
from vivavoce_pipecat.engine import Closed, ServiceEngine
from vivavoce_pipecat.options import ServiceOptions
from vivavoce_pipecat.pipeline import ServicePipeline
from vivavoce_pipecat.recipe import Recipe, recipe

MAX_CHUNK_MS = 100
NOTHING_TO_SAY = object()


class PipecatTextToSpeechSession:
    """One conversation's voice.

    Text goes to the service clause by clause, as soon as one can be spoken, or piece by piece where the YAML
    says `text_aggregation_mode: token`.
    """

    def __init__(self, recipe: Recipe, options: ServiceOptions, closed: Closed) -> None:
        wanted = (TTSAudioRawFrame, LLMFullResponseEndFrame)
        self._pipeline = ServicePipeline(recipe, options.timeout_s, wanted)
        self._by_token = str(recipe.arguments.get("text_aggregation_mode", "")) == "token"
        self._closed = closed

    def begin(self) -> None:
        """Make and connect the service in the background."""
        self._pipeline.begin()

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """Speak one reply, in chunks of at most 100 ms. Raises `EngineError`, and what `text` raises.

        Closing the iterator interrupts the service: it drops what it holds and tells its server, if it can.
        """
        async with self._pipeline.call() as call:
            call.expect_nothing_yet()
            writing = asyncio.create_task(self._write(text, call), name="pipecat text")
            try:
                while not call.finished:
                    item = await call.next()
                    if isinstance(item, TTSAudioRawFrame):
                        for chunk in chunks_of(item):
                            yield chunk
                    else:
                        call.finished = True
            finally:
                writing.cancel()
                await asyncio.wait({writing})

    async def _write(self, text: AsyncIterator[str], call: Call) -> None:
        """Send the text on; an error of it goes to whoever listens."""
        begun = False
        try:
            async for frame in self._frames(text):
                if not begun:
                    await call.send(LLMFullResponseStartFrame())
                    begun = True
                await call.send(frame)
        except Exception as error:  # noqa: BLE001 - handed to the listener, who raises it
            await call.put(error)
        else:
            if begun:
                call.expect()
                await call.send(LLMFullResponseEndFrame())
            else:
                await call.put(NOTHING_TO_SAY)

    async def _frames(self, text: AsyncIterator[str]) -> AsyncIterator[Frame]:
        begun = False
        if self._by_token:
            held = ""
            async for piece in text:
                held += piece
                if held and (begun or speakable(held)):  # white space alone opens no reply
                    yield LLMTextFrame(held)
                    held, begun = "", True
        else:
            async for clause in clauses(text):
                if speakable(clause):
                    yield AggregatedTextFrame(clause, TextType.SENTENCE, raw_text=clause)

    async def close(self) -> None:
        """End the service; cancels what is running. Idempotent."""
        self._closed(self)
        await self._pipeline.close()


def speakable(text: str) -> bool:
    """Whether there is anything in it that a voice could say."""
    return any(character.isalnum() for character in text)


def chunks_of(frame: TTSAudioRawFrame) -> Iterator[SpeechChunk]:
    """A frame's audio as mono chunks; none for an empty one."""
    pcm: Any = frame.audio[: len(frame.audio) // (2 * frame.num_channels) * 2 * frame.num_channels]
    if frame.num_channels > 1:
        pcm = np.frombuffer(pcm, "<i2").reshape(-1, frame.num_channels).mean(axis=1).astype("<i2").tobytes()
    step = 2 * frame.sample_rate * MAX_CHUNK_MS // 1000
    for start in range(0, len(pcm), step):
        yield SpeechChunk(AudioChunk(bytes(pcm[start : start + step]), frame.sample_rate))


def load(options: ServiceOptions, progress: Progress) -> ServiceEngine[PipecatTextToSpeechSession]:
    """Check the service and its options. Connects nothing; sessions do."""
    return ServiceEngine(recipe(Kind.TEXT_TO_SPEECH, options), options, PipecatTextToSpeechSession)
