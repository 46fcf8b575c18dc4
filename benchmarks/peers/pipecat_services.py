"""Engines of vivavoce as services of Pipecat: the simulated ones, and any language model and text-to-speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    Frame,
    InterimTranscriptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStoppedFrame,
    UserStoppedSpeakingFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TextAggregationMode, TTSService
from pipecat.utils.time import time_now_iso8601

from benchmarks.peers.stages import INPUT_HZ, OUTPUT_HZ, Hearing, Stages
from vivavoce_api import (
    AudioChunk,
    LanguageModelEngine,
    LanguageModelSession,
    Message,
    SessionContext,
    TextDelta,
    TextToSpeechEngine,
    WarmsPrefix,
)

FINALIZE_S = 0.1
"""The longest that `Hearing.flush` takes with passes of 30 ms, with some room: Pipecat's safety net, rarely used."""


class SimulatedSTT(STTService):
    """A streaming service that is asked to finalize when voice activity ends, as Pipecat's own ones are."""

    def __init__(self, stages: Stages, context: SessionContext, vad_stop_s: float) -> None:
        super().__init__(
            sample_rate=INPUT_HZ,
            ttfs_p99_latency=vad_stop_s + FINALIZE_S,
            settings=STTSettings(model=None, language=None),
        )
        self._hearing = Hearing(stages, context, self._partial)
        self._partials: set[asyncio.Task[Any]] = set()

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        """Feed; transcripts come by themselves."""
        self._hearing.feed(AudioChunk(audio, INPUT_HZ))
        yield None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Begin, finalize and end utterances."""
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self._hearing.begin()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            self.create_task(self._finalize())
        elif isinstance(frame, UserStoppedSpeakingFrame):
            self._hearing.end()

    async def _finalize(self) -> None:
        self.request_finalize()
        text = await self._hearing.flush()
        self.confirm_finalize()
        if text:
            await self.push_frame(TranscriptionFrame(text, "", time_now_iso8601()))

    def _partial(self, text: str) -> None:
        task = self.create_task(self.push_frame(InterimTranscriptionFrame(text, "", time_now_iso8601())))
        self._partials.add(task)
        task.add_done_callback(self._partials.discard)

    async def stop(self, frame: EndFrame) -> None:
        """End of the conversation."""
        await super().stop(frame)
        await self._hearing.close()

    async def cancel(self, frame: CancelFrame) -> None:
        """End of the conversation."""
        await super().cancel(frame)
        await self._hearing.close()


class EngineLLM(LLMService):
    """A language model of vivavoce's: one session a conversation, each completion a generation.

    `opening` is what all completions of the conversation begin with; an engine that can is told at the start, so that
    the first reply need not wait for it to be read.
    """

    def __init__(
        self, engine: LanguageModelEngine, model: str, context: SessionContext, opening: Sequence[Message] = ()
    ) -> None:
        unset = dict.fromkeys(
            ("temperature", "max_tokens", "top_p", "top_k", "frequency_penalty", "presence_penalty", "seed")
        )
        super().__init__(
            settings=LLMSettings(
                model=model,
                system_instruction=None,
                filter_incomplete_user_turns=False,
                user_turn_completion_config=None,
                **unset,
            )
        )
        self._engine = engine
        self._session_context = context
        self._opening = opening
        self._session: LanguageModelSession | None = None

    async def start(self, frame: StartFrame) -> None:
        """Open the session, and let it read the opening."""
        await super().start(frame)
        self._session = await self._engine.open_session(self._session_context)
        if self._opening and isinstance(self._session, WarmsPrefix):
            self.create_task(self._session.warm(self._opening))

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Answer contexts; an interruption cancels this."""
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame) or self._session is None:
            await self.push_frame(frame, direction)
            return
        messages = [Message(m["role"], str(m["content"])) for m in frame.context.get_messages()]  # type: ignore[index]
        await self.push_frame(LLMFullResponseStartFrame())
        try:
            async with aclosing(self._session.generate(messages)) as items:
                async for item in items:
                    if isinstance(item, TextDelta):
                        await self._push_llm_text(item.text)
        finally:
            await self.push_frame(LLMFullResponseEndFrame())

    async def stop(self, frame: EndFrame) -> None:
        """End of the conversation."""
        await super().stop(frame)
        await self._close()

    async def cancel(self, frame: CancelFrame) -> None:
        """End of the conversation."""
        await super().cancel(frame)
        await self._close()

    async def _close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None


class SentenceTTS(TTSService):
    """A request a sentence, as Pipecat feeds text-to-speech by default."""

    def __init__(self, engine: TextToSpeechEngine, context: SessionContext) -> None:
        super().__init__(
            sample_rate=OUTPUT_HZ,
            push_start_frame=True,
            push_stop_frames=True,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self._engine = engine
        self._session_context = context

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """One sentence's sound, a chunk as soon as it is made."""
        session = await self._engine.open_session(self._session_context)
        try:
            async for chunk in session.synthesize(_once(text)):
                yield TTSAudioRawFrame(chunk.audio.pcm, OUTPUT_HZ, 1, context_id=context_id)
        finally:
            await session.close()


class TokenTTS(TTSService):
    """Tokens stream into the engine as they come: `TextAggregationMode.TOKEN`, "for lower latency"."""

    def __init__(self, engine: TextToSpeechEngine, context: SessionContext) -> None:
        super().__init__(
            sample_rate=OUTPUT_HZ,
            text_aggregation_mode=TextAggregationMode.TOKEN,
            push_start_frame=True,
            settings=TTSSettings(model=None, voice=None, language=None),
        )
        self._engine = engine
        self._session_context = context
        self._texts: dict[str, asyncio.Queue[str | None]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        """Hand over a token."""
        if context_id not in self._texts:
            self._texts[context_id] = asyncio.Queue()
            self._tasks[context_id] = self.create_task(self._speak(context_id))
        self._texts[context_id].put_nowait(text)
        yield None

    async def flush_audio(self, context_id: str | None = None) -> None:
        """The reply's text is complete."""
        if context_id in self._texts:
            self._texts[context_id].put_nowait(None)

    async def on_audio_context_interrupted(self, context_id: str) -> None:
        """Stop at once."""
        if context_id in self._tasks:
            await self.cancel_task(self._tasks[context_id])
        await super().on_audio_context_interrupted(context_id)

    async def _speak(self, context_id: str) -> None:
        session = await self._engine.open_session(self._session_context)
        try:
            async for chunk in session.synthesize(_until_none(self._texts[context_id])):
                audio = TTSAudioRawFrame(chunk.audio.pcm, OUTPUT_HZ, 1, context_id=context_id)
                await self.append_to_audio_context(context_id, audio)
            await self.append_to_audio_context(context_id, TTSStoppedFrame(context_id=context_id))
            await self.remove_audio_context(context_id)
        finally:
            del self._texts[context_id], self._tasks[context_id]
            await session.close()


async def _once(text: str) -> AsyncIterator[str]:
    yield text


async def _until_none(texts: asyncio.Queue[str | None]) -> AsyncIterator[str]:
    while (text := await texts.get()) is not None:
        yield text
