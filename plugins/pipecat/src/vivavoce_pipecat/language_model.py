"""A Pipecat language-model service as a session: messages in, text and tool calls out."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    DataFrame,
    FunctionCallFromLLM,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
    LLMUpdateSettingsFrame,
    MetricsFrame,
)
from pipecat.metrics.metrics import LLMUsageMetricsData
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.services.ai_service import AIService
from pipecat.services.settings import LLMSettings
from pipecat.utils.types import NOT_GIVEN

from vivavoce_api import Generated, Kind, Message, Progress, TextDelta, ToolCall, ToolSpec, Usage
from vivavoce_pipecat.call import Call
from vivavoce_pipecat.engine import Closed, ServiceEngine
from vivavoce_pipecat.options import ServiceOptions
from vivavoce_pipecat.pipeline import ServicePipeline
from vivavoce_pipecat.recipe import Recipe, recipe


@dataclass
class ToolCallFrame(DataFrame):
    """A tool call that the model asked for, on its way to us."""

    call: ToolCall


def hand_over_tool_calls(service: AIService) -> None:
    """Make the service report the tools that its model asks for, instead of running them itself."""

    async def report(calls: Sequence[FunctionCallFromLLM]) -> None:
        for call in calls:
            arguments = json.dumps(call.arguments, ensure_ascii=False)
            await service.push_frame(ToolCallFrame(ToolCall(call.tool_call_id, call.function_name, arguments)))

    setattr(service, "run_function_calls", report)  # noqa: B010 - replaces a method of this one instance


class PipecatLanguageModelSession:
    """One conversation's language model."""

    def __init__(self, recipe: Recipe, options: ServiceOptions, closed: Closed) -> None:
        wanted = (LLMTextFrame, ToolCallFrame, MetricsFrame, LLMFullResponseEndFrame)
        self._pipeline = ServicePipeline(recipe, options.timeout_s, wanted, hand_over_tool_calls)
        self._closed = closed

    def begin(self) -> None:
        """Make and connect the service in the background."""
        self._pipeline.begin()

    async def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """Stream one reply; usage comes last, where the service counts. Raises `EngineError`.

        Closing the iterator interrupts the service, which closes its request.
        """
        usage: Usage | None = None
        async with self._pipeline.call() as call:
            await self._instruct(call, messages)
            await call.send(LLMContextFrame(context_of(messages, tools)))
            while not call.finished:
                frame = await call.next()
                if isinstance(frame, LLMTextFrame) and frame.text:
                    yield TextDelta(frame.text)
                elif isinstance(frame, ToolCallFrame):
                    yield frame.call
                elif isinstance(frame, MetricsFrame):
                    usage = usage_in(frame) or usage
                elif isinstance(frame, LLMFullResponseEndFrame):
                    call.finished = True
        if usage is not None:
            yield usage

    async def _instruct(self, call: Call, messages: Sequence[Message]) -> None:
        """Give the service the leading system message, which Pipecat keeps apart from the others."""
        wanted = messages[0].content if messages and messages[0].role == "system" else None
        settings = call.service.settings
        if isinstance(settings, LLMSettings) and settings.system_instruction != wanted:
            await call.send(LLMUpdateSettingsFrame(delta=LLMSettings(system_instruction=wanted)))

    async def close(self) -> None:
        """End the service; aborts what is running. Idempotent."""
        self._closed(self)
        await self._pipeline.close()


def context_of(messages: Sequence[Message], tools: Sequence[ToolSpec]) -> LLMContext:
    """Pipecat's context, less a leading system message: OpenAI's form, which adapters translate for others."""
    rest = messages[1:] if messages and messages[0].role == "system" else messages
    schema = ToolsSchema(standard_tools=[_function(tool) for tool in tools]) if tools else NOT_GIVEN
    return LLMContext(messages=[cast("Any", _message(message)) for message in rest], tools=schema)


def _function(tool: ToolSpec) -> FunctionSchema:
    properties = dict(tool.parameters.get("properties", {}))
    return FunctionSchema(tool.name, tool.description, properties, list(tool.parameters.get("required", [])))


def _message(message: Message) -> dict[str, Any]:
    role = "developer" if message.role == "system" else message.role  # Pipecat's word for a later instruction
    written: dict[str, Any] = {"role": role, "content": message.content}
    if message.tool_call_id is not None:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return written


def usage_in(frame: MetricsFrame) -> Usage | None:
    """The token counts of a metrics frame, if it holds any."""
    for data in frame.data:
        if isinstance(data, LLMUsageMetricsData):
            cached = data.value.cache_read_input_tokens or 0
            return Usage(data.value.prompt_tokens, data.value.completion_tokens, cached)
    return None


def load(options: ServiceOptions, progress: Progress) -> ServiceEngine[PipecatLanguageModelSession]:
    """Check the service and its options. Connects nothing; sessions do."""
    return ServiceEngine(recipe(Kind.LANGUAGE_MODEL, options), options, PipecatLanguageModelSession)
