"""What the YAML says about this plugin's offers. Light to import."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SecretStr

from vivavoce_api import Options


class SileroOptions(Options):
    """Options of `vad: {plugin: silero}`: none."""


class SmartTurnOptions(Options):
    """Options of `turn_detector: {plugin: smart-turn}`."""

    threads: int = Field(default=1, ge=1, le=8)
    """Threads of one pass. More answer sooner on an idle machine and cost more on a busy one."""


class ServiceOptions(Options):
    """Options of `stt`, `llm` and `tts: {plugin: pipecat}`: one service class that ships with pipecat-ai."""

    service: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*\.[A-Za-z][A-Za-z0-9_]*$", max_length=200)
    """The service class, by its path below `pipecat.services`: `elevenlabs.ElevenLabsTTSService`."""

    api_key: SecretStr | None = None
    """The service's `api_key`; write `${NAME}` to take it from the environment."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """The service's own settings: fields of its `Settings` (model, voice, ...) and arguments of its constructor
    (base_url, sample_rate, ...), by the names that Pipecat's reference uses."""

    timeout_s: float = Field(default=20.0, gt=0, le=600)
    """How long the service may stay silent while something is expected of it, in seconds."""

    max_sessions: int | None = Field(default=None, ge=1)
    """Conversations at a time. Limit it for services that load a model: each conversation loads its own."""


class SpeechToTextServiceOptions(ServiceOptions):
    """Options of `stt: {plugin: pipecat}`."""

    transcribe_pauses: bool = True
    """Transcribe at each pause, so that the reply can begin early. Services that take whole segments (OpenAI,
    Groq, Whisper, ...) then transcribe the turn's audio again at each pause, and bill for it."""


class TransportOptions(Options):
    """Options of `transport: {plugin: pipecat}`: one transport class that ships with pipecat-ai."""

    transport: str = Field(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*\.[A-Za-z][A-Za-z0-9_]*$", max_length=200)
    """The class, by its path below `pipecat.transports`: `websocket.server.SingleClientWebsocketServerTransport`."""

    settings: dict[str, Any] = Field(default_factory=dict)
    """Arguments of its constructor (host, port, url, token, ...) and fields of its `params` (audio_out_sample_rate,
    ...), by the names that Pipecat's reference uses."""
