"""Sessions of an engine that runs in worker processes: the contract on this side, calls on the other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from vivavoce.isolation.pool import Pool
from vivavoce.isolation.remote import RemoteSession, result_of
from vivavoce_api import (
    AudioChunk,
    Flush,
    Generated,
    Message,
    SpeechChunk,
    ToolSpec,
    Transcript,
)
from vivavoce_api.worker.values import Request


class IsolatedSpeechToText:
    """A `SpeechToTextSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """As the contract says; beyond it raises `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("transcribe", source=audio)


class IsolatedTextToSpeech:
    """A `TextToSpeechSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """As the contract says; beyond it raises `EngineBusyError` when no worker is free in time,
        `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("synthesize", source=text)


class IsolatedLanguageModel:
    """A `LanguageModelSession` in a worker; it has `warm` and `end_of_turn_probability` where the engine does."""

    def __init__(self, remote: RemoteSession, methods: Sequence[str]) -> None:
        self._remote = remote
        self.close = remote.close
        if "warm" in methods:
            self.warm = self._warm
        if "end_of_turn_probability" in methods:
            self.end_of_turn_probability = self._end_of_turn_probability

    def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """As the contract says; beyond it raises `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("generate", Request(tuple(messages), tuple(tools)))

    async def _warm(self, messages: Sequence[Message]) -> None:
        await self._remote.call("warm", Request(tuple(messages)))

    async def _end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        return await self._remote.call("end_of_turn_probability", Request(tuple(messages)))


class IsolatedVoiceActivity:
    """A `VoiceActivitySession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    async def probability(self, window: AudioChunk) -> float:
        """As the contract says; a worker that has started again has forgotten earlier windows."""
        return await self._remote.call("probability", window)

    def reset(self) -> None:
        """Forget earlier windows."""
        self._remote.tell("reset")


class IsolatedTurnDetector:
    """A `TurnDetectorSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    async def probability(self, turn: AudioChunk) -> float:
        """As the contract says."""
        return await self._remote.call("probability", turn)


class IsolatedTool:
    """A `Tool` in a worker."""

    def __init__(self, pool: Pool, spec: ToolSpec) -> None:
        self._pool = pool
        self.spec = spec
        self.close = pool.close

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """As the contract says."""
        worker = await self._pool.acquire(None, stream=True)
        try:
            return await result_of(worker, {"method": "call_tool"}, arguments)
        finally:
            self._pool.release(worker)
