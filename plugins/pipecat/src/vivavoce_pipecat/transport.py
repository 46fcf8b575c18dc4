"""Pipecat's transports as ways in: `[transport.input(), agent, transport.output()]`, one conversation after the other.

Imports Pipecat at its top.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.serializers.protobuf import ProtobufFrameSerializer
from pipecat.transports.base_transport import BaseTransport
from pipecat.workers.runner import WorkerRunner

from vivavoce_api import AgentHost, ConfigurationError, EngineUnavailableError, Kind, Progress
from vivavoce_pipecat.arguments import Signature
from vivavoce_pipecat.options import TransportOptions
from vivavoce_pipecat.processor import AgentProcessor
from vivavoce_pipecat.services import resolve

WITHOUT_CLIENTS = "pipecat.transports.local."
"""Transports here have no clients that come and go; the others say when one came, and the agent waits for it."""


@dataclass(frozen=True)
class PipecatTransport:
    """A transport class with its checked arguments; each conversation gets an instance and a pipeline of its own."""

    transport: type[BaseTransport]
    arguments: Mapping[str, Any]
    params_type: type | None
    params: Mapping[str, Any]

    async def serve(self, host: AgentHost) -> None:
        """Hold a conversation with whoever comes, one at a time, until cancelled.

        Between two conversations a server's port is closed for a moment. Raises `ConfigurationError` where the
        transport refuses its arguments, `EngineUnavailableError` where it ends by itself.
        """
        while True:
            await self._one_conversation(host)

    async def _one_conversation(self, host: AgentHost) -> None:
        transport = self._make()
        with_client = not self.transport.__module__.startswith(WITHOUT_CLIENTS)
        agent = AgentProcessor(host, with_client=with_client)
        worker = PipelineWorker(
            Pipeline([transport.input(), agent, transport.output()]),
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            enable_rtvi=False,
            enable_turn_tracking=False,
            check_dangling_tasks=False,
            params=self._pipeline_params(),
        )

        async def on_client_gone(*_: object) -> None:
            await worker.cancel()

        if with_client:
            transport.add_event_handler("on_client_disconnected", on_client_gone)
        runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        await runner.add_workers(worker)
        running = asyncio.create_task(runner.run(), name=f"pipecat {self.transport.__name__}")
        try:
            await asyncio.shield(running)
        finally:
            await worker.cancel()
            await asyncio.wait({running})
        if not agent.begun:
            raise EngineUnavailableError(f"{self.transport.__name__} ended before anybody came", retryable=False)

    def _pipeline_params(self) -> PipelineParams:
        """The transport's own output rate is the pipeline's, so that the agent speaks at it."""
        rate_hz = self.params.get("audio_out_sample_rate")
        return PipelineParams(audio_out_sample_rate=rate_hz) if rate_hz else PipelineParams()

    def _make(self) -> BaseTransport:
        arguments = dict(self.arguments)
        try:
            if self.params_type is not None:
                arguments["params"] = self.params_type(**self.params)
            return self.transport(**arguments)
        except (TypeError, ValueError, OSError) as error:
            name = self.transport.__name__
            raise ConfigurationError(f"{name} can't be made from these settings ({type(error).__name__})") from error

    async def close(self) -> None:
        """Nothing is open when `serve` is not running. Idempotent."""


def load(options: TransportOptions, progress: Progress) -> PipecatTransport:
    """Find the transport and check its settings; opens nothing. Raises `ConfigurationError`, `PrerequisiteError`."""
    transport = resolve(Kind.TRANSPORT, options.transport)
    signature = Signature.of_transport(transport)
    arguments, params = signature.sort(options.settings)
    missing = [name for name in signature.required() if name not in arguments]
    if missing:
        raise ConfigurationError(f"{options.transport} needs settings: {', '.join(missing)}")
    for name, value in {"audio_in_enabled": True, "audio_out_enabled": True}.items():
        params.setdefault(name, value)
    if "serializer" in signature.settings_hints:
        params.setdefault("serializer", ProtobufFrameSerializer())
    return PipecatTransport(transport, arguments, signature.settings_type, params)
