"""An agent as one Pipecat processor: `Pipeline([transport.input(), AgentProcessor(host), transport.output()])`.

Imports Pipecat at its top.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import numpy as np
from pipecat.frames.frames import (
    CancelFrame,
    ClientConnectedFrame,
    EndFrame,
    EndWorkerFrame,
    Frame,
    InputAudioRawFrame,
    InterimTranscriptionFrame,
    InterruptionFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
    UserStartedSpeakingFrame,
    UserStoppedSpeakingFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.utils.text.base_text_aggregator import TextType
from pipecat.utils.time import time_now_iso8601

from vivavoce_api import (
    INPUT_SAMPLE_RATE_HZ,
    AgentHost,
    AudioChunk,
    ClientError,
    ErrorNotice,
    Incoming,
    Outgoing,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    UserSpeech,
    UserTranscript,
    VivavoceError,
)
from vivavoce_pipecat.pipeline import OUTPUT_SAMPLE_RATE_HZ
from vivavoce_pipecat.resampling import LiveResampler

HELD_CHUNKS = 100
"""Input that may wait for the agent: 2 s at Pipecat's 20 ms a frame. Beyond it the oldest is dropped."""
FAREWELL_LIMIT_S = 5.0
"""How long a conversation may take to end once its client is gone."""
USER_ID = "user"


class AgentProcessor(FrameProcessor):
    """Holds one conversation of `host` with whoever is at the other end of the pipeline's transport.

    Input audio of any rate goes in; out come the reply's sound and text, transcripts, who speaks, an
    interruption whenever the user cuts the agent off, so that the output drops what it holds, and errors.
    The conversation begins with the pipeline, or `with_client`: when the transport says that a client has come
    (transports that know clients do). It ends with the pipeline, or ends it when it is over by itself. Frames
    that mean nothing to an agent pass through.
    """

    def __init__(
        self, host: AgentHost, parameters: Mapping[str, str] | None = None, *, with_client: bool = False
    ) -> None:
        super().__init__(name="Agent")
        self._begins_with = ClientConnectedFrame if with_client else StartFrame
        self._host = host
        self._parameters = dict(parameters or {})
        self._connection = PipelineConnection(self)
        self._conversation: asyncio.Task[None] | None = None

    @property
    def begun(self) -> bool:
        """Whether a conversation has begun."""
        return self._conversation is not None

    async def setup(self, setup: FrameProcessorSetup) -> None:
        """Speak at the pipeline's rate."""
        await super().setup(setup)
        self._connection.speak_at(setup.audio_out_sample_rate)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Take the frames that concern the agent; pass the others on."""
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self._connection.hear(frame)
            return
        if isinstance(frame, EndFrame):
            await self._end(FAREWELL_LIMIT_S)
        elif isinstance(frame, CancelFrame):
            await self._end(0)
        await self.push_frame(frame, direction)
        if isinstance(frame, self._begins_with) and self._conversation is None:
            self._conversation = asyncio.create_task(self._converse(), name="agent in a Pipecat pipeline")

    async def cleanup(self) -> None:
        """End the conversation, if the pipeline was torn down without a frame that says so."""
        await self._end(0)
        await super().cleanup()

    async def _converse(self) -> None:
        try:
            await self._host.converse(self._connection, self._parameters)
        except VivavoceError as error:
            await self.push_error(str(error))
        except Exception as error:  # noqa: BLE001 - the boundary to the pipeline: reported, and the pipeline ends
            await self.push_error(f"the conversation failed: {type(error).__name__}", exception=error)
        if self._connection.hang_up():
            await self.push_frame(EndWorkerFrame(), FrameDirection.UPSTREAM)

    async def _end(self, limit_s: float) -> None:
        """Let the conversation end, `limit_s` seconds at most."""
        self._connection.hang_up()
        if self._conversation is None:
            return
        await asyncio.wait({self._conversation}, timeout=limit_s)
        self._conversation.cancel()
        await asyncio.wait({self._conversation})


class PipelineConnection:
    """The pipeline, as the session core sees it: a `Connection`."""

    def __init__(self, processor: FrameProcessor) -> None:
        self._processor = processor
        self._hearing = LiveResampler(INPUT_SAMPLE_RATE_HZ)
        self._heard: asyncio.Queue[AudioChunk | None] = asyncio.Queue(HELD_CHUNKS)
        self._speaking = LiveResampler(OUTPUT_SAMPLE_RATE_HZ)
        self._sounding: int | None = None
        self._gone = False

    def speak_at(self, sample_rate_hz: int) -> None:
        """Give the agent's speech out at this rate, the pipeline's, so that Pipecat's output need not change it.

        Before the pipeline has said it, that is 24 kHz, Pipecat's default.
        """
        self._speaking = LiveResampler(sample_rate_hz)

    def hear(self, frame: InputAudioRawFrame) -> None:
        """Take the user's audio, as mono at 16 kHz. Never waits: what is too old is dropped."""
        chunk = self._hearing.feed(AudioChunk(mono(frame), frame.sample_rate))
        if chunk.samples and not self._gone:
            self._offer(chunk)

    def _offer(self, item: AudioChunk | None) -> None:
        if self._heard.full():
            self._heard.get_nowait()
        self._heard.put_nowait(item)

    def hang_up(self) -> bool:
        """The client is gone: `incoming` ends, `send` raises. False when it was gone already."""
        if self._gone:
            return False
        self._gone = True
        self._offer(None)
        return True

    async def incoming(self) -> AsyncIterator[Incoming]:
        """The user's audio, until the pipeline ends."""
        while (chunk := await self._heard.get()) is not None:
            yield chunk

    async def send(self, item: Outgoing) -> None:
        """Push what the agent does down the pipeline, as Pipecat's frames. Raises `ClientError` once it has ended."""
        if self._gone:
            raise ClientError("the pipeline has ended")
        if isinstance(item, ErrorNotice):
            await self._processor.push_error(item.message)
        elif isinstance(item, ReplyAudio):
            await self._sound(item)
        elif isinstance(item, ReplyEnded):
            await self._stop(item)
        elif (frame := frame_of(item)) is not None:
            await self._processor.push_frame(frame)

    async def _sound(self, item: ReplyAudio) -> None:
        if self._sounding != item.reply_id:
            self._sounding = item.reply_id
            await self._processor.push_frame(TTSStartedFrame(context_id=str(item.reply_id)))
        await self._push_sound(self._speaking.feed(item.audio), item.reply_id)

    async def _push_sound(self, audio: AudioChunk, reply_id: int) -> None:
        if audio.samples:
            frame = TTSAudioRawFrame(audio.pcm, audio.sample_rate_hz, 1, context_id=str(reply_id))
            await self._processor.push_frame(frame)

    async def _stop(self, item: ReplyEnded) -> None:
        rest = self._speaking.flush()
        if item.interrupted:
            await self._processor.push_frame(InterruptionFrame())
        else:
            await self._push_sound(rest, item.reply_id)
        if self._sounding == item.reply_id:
            self._sounding = None
            await self._processor.push_frame(TTSStoppedFrame(context_id=str(item.reply_id)))


def frame_of(item: Outgoing) -> Frame | None:
    """The Pipecat frame that says the same, where there is one."""
    if isinstance(item, UserTranscript):
        kind = TranscriptionFrame if item.final else InterimTranscriptionFrame
        return kind(item.text, USER_ID, time_now_iso8601())
    if isinstance(item, UserSpeech):
        return UserStartedSpeakingFrame() if item.speaking else UserStoppedSpeakingFrame()
    if isinstance(item, ReplyText):
        return TTSTextFrame(item.text, TextType.SENTENCE, context_id=str(item.reply_id))
    return None


def mono(frame: InputAudioRawFrame) -> bytes:
    """The frame's sound in one channel; an incomplete last sample is dropped."""
    channels = max(1, frame.num_channels)
    pcm = frame.audio[: len(frame.audio) // (2 * channels) * 2 * channels]
    if channels == 1:
        return bytes(pcm)
    return np.frombuffer(pcm, "<i2").reshape(-1, channels).mean(axis=1).astype("<i2").tobytes()
