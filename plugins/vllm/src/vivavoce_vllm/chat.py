"""Chat completions: our messages in their form, and their streamed chunks in ours. No input or output here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, fsum
from typing import Any

from vivavoce_api.endings import ends_message
from vivavoce_api.errors import EngineError
from vivavoce_api.language_model import Generated, Message, ToolCall, ToolSpec, Usage

MAX_TOOL_CALLS = 32
MAX_ARGUMENTS_CHARS = 65_536


def wire_message(message: Message) -> dict[str, Any]:
    """A message as the chat completions API writes it."""
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    return wire


def wire_tools(tools: Sequence[ToolSpec]) -> dict[str, Any]:
    """The request's `tools` field; nothing at all without tools, for some servers refuse an empty list."""
    if not tools:
        return {}
    functions = [
        {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)} for tool in tools
    ]
    return {"tools": [{"type": "function", "function": function} for function in functions]}


@dataclass
class _PartialCall:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ReplyReader:
    """Joins the chunks of one streamed reply."""

    def __init__(self) -> None:
        self.begun = False
        self._finished = False
        self._calls: dict[int, _PartialCall] = {}
        self._usage: Usage | None = None

    def read(self, chunk: Any) -> str:
        """The text in this chunk, often empty. Raises `EngineError` where it is no chat completion chunk."""
        try:
            return self._read(chunk)
        except (AttributeError, TypeError, IndexError) as error:
            raise EngineError("The model server sent something else than a chat completion.") from error

    def rest(self) -> Iterator[Generated]:
        """Tool calls and usage, once the stream has ended. Raises `EngineError` where it ended too early."""
        if not self._finished:
            raise EngineError("The model server ended the reply in the middle.", retryable=True)
        for index, call in sorted(self._calls.items()):
            yield ToolCall(call.id or f"call-{index}", call.name, call.arguments or "{}")
        if self._usage is not None:
            yield self._usage

    def _read(self, chunk: Any) -> str:
        if chunk.usage is not None:
            self._usage = _usage(chunk.usage)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        if choice.finish_reason is not None:
            self._finished = self.begun = True
        if choice.delta is None:
            return ""
        for part in choice.delta.tool_calls or ():
            self._add_call(part)
        text = choice.delta.content or ""
        if not isinstance(text, str):
            raise TypeError("content")
        self.begun = self.begun or bool(text)
        return text

    def _add_call(self, part: Any) -> None:
        self.begun = True
        call = self._calls.setdefault(part.index or 0, _PartialCall())
        call.id = call.id or part.id or ""
        if part.function is not None:
            call.name += part.function.name or ""
            call.arguments += part.function.arguments or ""
        if len(self._calls) > MAX_TOOL_CALLS or len(call.arguments) + len(call.name) > MAX_ARGUMENTS_CHARS:
            raise EngineError("The model asked for more tools than a reply may hold.")


def _usage(usage: Any) -> Usage:
    details = usage.prompt_tokens_details
    cached = details.cached_tokens if details is not None else None
    return Usage(usage.prompt_tokens, usage.completion_tokens, cached or 0)


def end_probability(completion: Any) -> float:
    """The probability, 0 to 1, that the next token ends the user's message, from a completion with `logprobs`.

    The sum over its likeliest next tokens that close a sentence, a line or the message. Raises `EngineError` where
    the answer holds no log-probabilities.
    """
    try:
        candidates = completion.choices[0].logprobs.content[0].top_logprobs
        total = fsum(exp(candidate.logprob) for candidate in candidates if ends_message(candidate.token))
    except (AttributeError, TypeError, IndexError) as error:
        raise EngineError("The model server gives no log-probabilities.") from error
    return min(1.0, total)
