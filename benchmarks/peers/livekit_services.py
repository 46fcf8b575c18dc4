"""The simulated engines as plugins of LiveKit Agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, llm, stt, tts, utils
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS

from benchmarks.peers.stages import INPUT_HZ, OUTPUT_HZ, Hearing, Stages
from vivavoce_api import AudioChunk, Message, SessionContext, TextDelta

LANGUAGE = "en"


class SimulatedSTT(stt.STT):
    """A streaming service with interim results that can be told to finalize (`manual_flush`).

    The framework tells it so itself, at the end of voice activity or as soon as its turn detector is sure.
    """

    def __init__(self, stages: Stages, context: SessionContext) -> None:
        super().__init__(
            capabilities=stt.STTCapabilities(
                streaming=True, interim_results=True, offline_recognize=False, manual_flush=True
            )
        )
        self._stages = stages
        self._session_context = context
        self._streams: list[SimulatedSTTStream] = []

    def stream(self, *, language: Any = None, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> Any:
        """Open a stream: the session opens one."""
        stream = SimulatedSTTStream(self, self._stages, self._session_context, conn_options)
        self._streams.append(stream)
        return stream

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError("it only streams")

    def user_speaks(self) -> None:
        """The session heard the user begin: an utterance begins, where none is open."""
        for stream in self._streams:
            stream.hearing.begin()

    def turn_committed(self) -> None:
        """The session took the user's turn: the next utterance is the script's next."""
        for stream in self._streams:
            stream.hearing.end()


class SimulatedSTTStream(stt.RecognizeStream):
    """All of a conversation."""

    def __init__(
        self, owner: SimulatedSTT, stages: Stages, context: SessionContext, conn_options: APIConnectOptions
    ) -> None:
        super().__init__(stt=owner, conn_options=conn_options, sample_rate=INPUT_HZ)
        self.hearing = Hearing(stages, context, self._partial)

    async def _run(self) -> None:
        finalizing: set[asyncio.Task[None]] = set()
        try:
            async for item in self._input_ch:
                if isinstance(item, self._FlushSentinel):
                    task = asyncio.create_task(self._finalize())
                    finalizing.add(task)
                    task.add_done_callback(finalizing.discard)
                else:
                    self.hearing.feed(AudioChunk(bytes(item.data), item.sample_rate))
        finally:
            await utils.aio.cancel_and_wait(*finalizing)
            await self.hearing.close()

    async def _finalize(self) -> None:
        text = await self.hearing.flush()
        if text:
            self._tell(stt.SpeechEventType.FINAL_TRANSCRIPT, text)

    def _partial(self, text: str) -> None:
        self._tell(stt.SpeechEventType.INTERIM_TRANSCRIPT, text)

    def _tell(self, kind: stt.SpeechEventType, text: str) -> None:
        said = stt.SpeechData(language=LANGUAGE, text=text, confidence=1.0)  # type: ignore[arg-type]
        self._event_ch.send_nowait(stt.SpeechEvent(type=kind, alternatives=[said]))


class SimulatedLLM(llm.LLM):
    """Each request is one generation of the engine."""

    def __init__(self, stages: Stages, context: SessionContext) -> None:
        super().__init__()
        self.stages = stages
        self.session_context = context

    def chat(
        self,
        *,
        chat_ctx: llm.ChatContext,
        tools: list[llm.Tool] | None = None,
        conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS,
        **unused: Any,
    ) -> llm.LLMStream:
        """Start a generation."""
        return SimulatedLLMStream(self, chat_ctx, tools or [], conn_options)


class SimulatedLLMStream(llm.LLMStream):
    """One generation; closing the stream ends it."""

    def __init__(
        self, owner: SimulatedLLM, chat_ctx: llm.ChatContext, tools: list[llm.Tool], conn_options: APIConnectOptions
    ) -> None:
        super().__init__(owner, chat_ctx=chat_ctx, tools=tools, conn_options=conn_options)
        self._owner = owner

    async def _run(self) -> None:
        messages = [_message(item) for item in self._chat_ctx.items if item.type == "message"]
        request_id = utils.shortuuid()
        session = await self._owner.stages.language_model.open_session(self._owner.session_context)
        try:
            async for item in session.generate(messages):
                if isinstance(item, TextDelta):
                    delta = llm.ChoiceDelta(role="assistant", content=item.text)
                    self._event_ch.send_nowait(llm.ChatChunk(id=request_id, delta=delta))
        finally:
            await session.close()


class SimulatedTTS(tts.TTS):
    """Takes text token by token, as LiveKit gives it to every streaming plugin."""

    def __init__(self, stages: Stages, context: SessionContext) -> None:
        super().__init__(
            capabilities=tts.TTSCapabilities(streaming=True, aligned_transcript=False),
            sample_rate=OUTPUT_HZ,
            num_channels=1,
        )
        self.stages = stages
        self.session_context = context

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> tts.SynthesizeStream:
        """Start a reply."""
        return SimulatedTTSStream(self, conn_options)

    def synthesize(
        self, text: str, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS
    ) -> tts.ChunkedStream:
        """Say a whole text."""
        return self._synthesize_with_stream(text, conn_options=conn_options)


class SimulatedTTSStream(tts.SynthesizeStream):
    """One reply; closing the stream ends it."""

    def __init__(self, owner: SimulatedTTS, conn_options: APIConnectOptions) -> None:
        super().__init__(tts=owner, conn_options=conn_options)
        self._owner = owner

    async def _run(self, output_emitter: tts.AudioEmitter) -> None:
        request_id = utils.shortuuid()
        output_emitter.initialize(
            request_id=request_id, sample_rate=OUTPUT_HZ, num_channels=1, mime_type="audio/pcm", stream=True
        )
        output_emitter.start_segment(segment_id=request_id)
        session = await self._owner.stages.text_to_speech.open_session(self._owner.session_context)
        try:
            async for chunk in session.synthesize(self._text()):
                frame = rtc.AudioFrame(chunk.audio.pcm, OUTPUT_HZ, 1, chunk.audio.samples)
                output_emitter.push_frame(frame)
        finally:
            await session.close()
        output_emitter.end_segment()

    async def _text(self) -> AsyncIterator[str]:
        async for item in self._input_ch:
            if isinstance(item, str):
                self._mark_started()
                yield item


def _message(item: llm.ChatMessage) -> Message:
    role = {"developer": "system"}.get(item.role, item.role)
    return Message(role, item.text_content or "")  # type: ignore[arg-type]
