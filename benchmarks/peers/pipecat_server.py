"""Pipecat behind vivavoce's wire: `python -m benchmarks.peers.pipecat_server {stock,tuned,vad} ...`."""

from __future__ import annotations

import sys
import uuid
from collections.abc import Awaitable, Callable

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.audio.turn.smart_turn.base_smart_turn import SmartTurnParams
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
from pipecat.audio.vad.silero import SileroVADAnalyzer
from pipecat.audio.vad.vad_analyzer import VAD_STOP_SECS, VADParams
from pipecat.frames.frames import (
    AudioRawFrame,
    Frame,
    InputAudioRawFrame,
    OutputTransportMessageFrame,
    OutputTransportMessageUrgentFrame,
    TTSSpeakFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair, LLMUserAggregatorParams
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.turns.user_stop import SpeechTimeoutUserTurnStopStrategy, TurnAnalyzerUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from benchmarks.peers.options import PIPECAT, PipecatSettings, parse_server_arguments
from benchmarks.peers.pipecat_services import EngineLLM, SentenceTTS, SimulatedSTT, TokenTTS
from benchmarks.peers.stages import INPUT_HZ, OUTPUT_HZ, Stages, load_stages, session_context
from vivavoce.audio.opus import OpusDecoder
from vivavoce.wire.messages import encode
from vivavoce_api import AudioChunk, ClientError, ReplyAudio, UserTranscript


class WireSerializer(FrameSerializer):
    """Opus packets in; sound and transcripts out."""

    def __init__(self) -> None:
        super().__init__()
        self._decoder = OpusDecoder(INPUT_HZ)

    async def serialize(self, frame: Frame) -> str | bytes | None:
        """Sound as `0x01`, the user's words as `0x02`."""
        if isinstance(frame, AudioRawFrame):
            return encode(ReplyAudio(0, AudioChunk(frame.audio, frame.sample_rate)))
        if isinstance(frame, (OutputTransportMessageFrame, OutputTransportMessageUrgentFrame)):
            if self.should_ignore_frame(frame):
                return None
            return encode(UserTranscript(frame.message["transcript"], final=True))
        return None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        """A packet's sound."""
        if isinstance(data, str):
            return None
        try:
            return InputAudioRawFrame(self._decoder.decode(data).pcm, INPUT_HZ, 1)
        except ClientError:
            return None


def user_parameters(settings: PipecatSettings) -> LLMUserAggregatorParams:
    """Voice activity and the strategy that ends turns."""
    vad = VADParams() if settings.vad_stop_s is None else VADParams(stop_secs=settings.vad_stop_s)
    analyzer = SileroVADAnalyzer(params=vad)
    if not settings.smart_turn:
        stop = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=settings.speech_timeout_s or 0.0)
        return LLMUserAggregatorParams(vad_analyzer=analyzer, user_turn_strategies=UserTurnStrategies(stop=[stop]))
    if settings.smart_turn_stop_s is None:
        return LLMUserAggregatorParams(vad_analyzer=analyzer)
    smart_turn = LocalSmartTurnAnalyzerV3(params=SmartTurnParams(stop_secs=settings.smart_turn_stop_s))
    stop = TurnAnalyzerUserTurnStopStrategy(turn_analyzer=smart_turn)
    return LLMUserAggregatorParams(vad_analyzer=analyzer, user_turn_strategies=UserTurnStrategies(stop=[stop]))


async def converse(
    websocket: WebSocket,
    instructions: str,
    services: tuple[FrameProcessor, FrameProcessor, FrameProcessor],
    settings: PipecatSettings,
    *,
    greeting: str = "",
) -> None:
    """One conversation, assembled as `pipecat init` does it.

    `services`: speech-to-text, language model and text-to-speech. A `greeting` is spoken first.
    """
    speech_to_text, language_model, text_to_speech = services
    transport = FastAPIWebsocketTransport(
        websocket,
        FastAPIWebsocketParams(audio_in_enabled=True, audio_out_enabled=True, serializer=WireSerializer()),
    )
    context = LLMContext([{"role": "system", "content": instructions}])
    user, assistant = LLMContextAggregatorPair(context, user_params=user_parameters(settings))
    pipeline = Pipeline(
        [transport.input(), speech_to_text, user, language_model, text_to_speech, transport.output(), assistant]
    )
    worker = PipelineWorker(
        pipeline,
        params=PipelineParams(audio_in_sample_rate=INPUT_HZ, audio_out_sample_rate=OUTPUT_HZ),
        enable_rtvi=False,
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)

    @user.event_handler("on_user_turn_stopped")
    async def on_user_turn_stopped(_aggregator, _strategy, message) -> None:
        if message.content:
            await worker.queue_frame(OutputTransportMessageUrgentFrame({"transcript": message.content}))

    @transport.event_handler("on_client_connected")
    async def on_client_connected(_transport, _client) -> None:
        if greeting:
            await worker.queue_frame(TTSSpeakFrame(greeting))

    @transport.event_handler("on_client_disconnected")
    async def on_client_disconnected(_transport, _client) -> None:
        await runner.cancel()

    await runner.run()


async def answer(websocket: WebSocket, stages: Stages, settings: PipecatSettings) -> None:
    """One conversation with the simulated engines."""
    session = session_context(uuid.uuid4().hex, websocket.query_params)
    vad_stop_s = VAD_STOP_SECS if settings.vad_stop_s is None else settings.vad_stop_s
    services = (
        SimulatedSTT(stages, session, vad_stop_s),
        EngineLLM(stages.language_model, "simulated", session),
        (TokenTTS if settings.stream_tokens else SentenceTTS)(stages.text_to_speech, session),
    )
    await converse(websocket, stages.instructions, services, settings)


def make_app(talk: Callable[[WebSocket], Awaitable[None]]) -> FastAPI:
    """The server; `talk` holds a conversation with a client that it has accepted."""
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket) -> None:
        await websocket.accept()
        await talk(websocket)

    return app


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    arguments = parse_server_arguments(list(PIPECAT))
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    stages, settings = load_stages(arguments.agent, arguments.script), PIPECAT[arguments.variant]
    app = make_app(lambda websocket: answer(websocket, stages, settings))
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
