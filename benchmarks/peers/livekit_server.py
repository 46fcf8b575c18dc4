"""LiveKit Agents behind vivavoce's wire: `python -m benchmarks.peers.livekit_server {stock,tuned,vad} ...`.

No room, no LiveKit server: an `AgentSession` takes its sound from one WebSocket and gives it there.
"""

from __future__ import annotations

import asyncio
import logging
import uuid

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect
from livekit.agents import Agent, AgentSession
from livekit.agents.voice.turn import TurnHandlingOptions
from livekit.local_inference import init_eot, init_vad

from benchmarks.peers.livekit_io import WireInput, WireOutput
from benchmarks.peers.livekit_services import SimulatedLLM, SimulatedSTT, SimulatedTTS
from benchmarks.peers.options import LIVEKIT, LiveKitSettings, parse_server_arguments
from benchmarks.peers.stages import INPUT_HZ, OUTPUT_HZ, Stages, load_stages, session_context
from vivavoce.audio.opus import OpusDecoder
from vivavoce.wire.messages import encode
from vivavoce_api import AudioChunk, ClientError, ErrorNotice, ReplyAudio, UserTranscript


def turn_handling(settings: LiveKitSettings) -> TurnHandlingOptions:
    """The session's options; what is not set is left to the framework."""
    options = TurnHandlingOptions()
    if not settings.turn_detector:
        options["turn_detection"] = "vad"
    if settings.endpointing_s is not None:
        options["endpointing"] = {"min_delay": settings.endpointing_s[0], "max_delay": settings.endpointing_s[1]}
    if settings.preemptive_speech:
        options["preemptive_generation"] = {"enabled": True, "preemptive_tts": True}
    # Adaptive interruptions are a service of LiveKit Cloud; offline the session falls back to this anyway.
    options["interruption"] = {"mode": "vad"}
    return options


class Conversation:
    """One client's session."""

    def __init__(self, websocket: WebSocket, stages: Stages, settings: LiveKitSettings) -> None:
        self._websocket = websocket
        self._instructions = stages.instructions
        context = session_context(uuid.uuid4().hex, websocket.query_params)
        self._stt = SimulatedSTT(stages, context)
        warmup = {} if settings.aec_warmup else {"aec_warmup_duration": None}
        self._session: AgentSession = AgentSession(
            stt=self._stt,
            llm=SimulatedLLM(stages, context),
            tts=SimulatedTTS(stages, context),
            turn_handling=turn_handling(settings),
            **warmup,
        )
        self._input = WireInput()
        self._output = WireOutput(self._send_audio)
        self._outbox: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Until the client leaves."""
        self._session.input.audio = self._input
        self._session.output.audio = self._output
        self._session.on("user_state_changed", self._on_user_state)
        self._session.on("conversation_item_added", self._on_item)
        self._session.on("error", self._on_error)
        await self._session.start(Agent(instructions=self._instructions), record=False)
        playing = asyncio.create_task(self._output.play())
        try:
            await self._listen()
        finally:
            self._input.push(b"")
            await self._session.aclose()
            playing.cancel()
            await asyncio.gather(playing, return_exceptions=True)

    async def _listen(self) -> None:
        decoder = OpusDecoder(INPUT_HZ)
        try:
            while True:
                message = await self._websocket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                if message.get("bytes"):
                    self._input.push(decoder.decode(message["bytes"]).pcm)
        except (WebSocketDisconnect, ClientError):
            return

    def _on_user_state(self, event) -> None:
        if event.new_state == "speaking":
            self._stt.user_speaks()

    def _on_item(self, event) -> None:
        if getattr(event.item, "role", None) == "user":
            self._stt.turn_committed()
            self._tell(encode(UserTranscript(event.item.text_content or "", final=True)))

    def _on_error(self, event) -> None:
        self._tell(encode(ErrorNotice(str(event.error))))

    def _tell(self, message: bytes | str) -> None:
        assert isinstance(message, bytes)
        task = asyncio.create_task(self._send(message))
        self._outbox.add(task)
        task.add_done_callback(self._outbox.discard)

    async def _send_audio(self, pcm: bytes) -> None:
        message = encode(ReplyAudio(0, AudioChunk(pcm, OUTPUT_HZ)))
        assert isinstance(message, bytes)
        await self._send(message)

    async def _send(self, message: bytes) -> None:
        try:
            await self._websocket.send_bytes(message)
        except (RuntimeError, WebSocketDisconnect):  # the client has left
            return


def make_app(stages: Stages, settings: LiveKitSettings) -> FastAPI:
    """The server."""
    app = FastAPI()

    @app.get("/healthz")
    async def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.websocket("/ws")
    async def talk(websocket: WebSocket) -> None:
        await websocket.accept()
        await Conversation(websocket, stages, settings).run()

    return app


def main() -> None:
    """Serve on 127.0.0.1 until told to end."""
    arguments = parse_server_arguments(list(LIVEKIT))
    settings = LIVEKIT[arguments.variant]
    logging.basicConfig(level=logging.WARNING)
    init_vad()
    if settings.turn_detector:
        init_eot()
    app = make_app(load_stages(arguments.agent, arguments.script), settings)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning")


if __name__ == "__main__":
    main()
