"""Chat completions: our messages in their form, and their streamed chunks in ours. No input or output here."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp, fsum
from typing import Any

from vivavoce_api.endings import ends_message
from vivavoce_api.errors import EngineError
from vivavoce_api.language_model import Generated, Message, TextDelta, ToolCall, ToolSpec, Usage

_OPENS_CALL = ("{", "```", "<tool_call>")


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
    """The request's `tools` field; nothing at all without tools."""
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
    """Joins the chunks of one streamed reply.

    With tools, a reply that looks like the JSON of a call is held back until it is complete: small models write calls
    as plain text, which must not be spoken.
    """

    def __init__(self, tools: Sequence[ToolSpec] = ()) -> None:
        self.begun = False
        self._tool_names = {tool.name for tool in tools}
        self._held = "" if tools else None
        self._finished = False
        self._calls: dict[int, _PartialCall] = {}
        self._usage: Usage | None = None

    def read(self, chunk: Any) -> str:
        """The text in this chunk that can be spoken, often empty."""
        if chunk.usage is not None:
            details = chunk.usage.prompt_tokens_details
            cached = details.cached_tokens if details is not None else None
            self._usage = Usage(chunk.usage.prompt_tokens, chunk.usage.completion_tokens, cached or 0)
        text = ""
        for choice in chunk.choices:
            self._finished = self._finished or choice.finish_reason is not None
            for part in choice.delta.tool_calls or ():
                self._add_call(part)
            text += choice.delta.content or ""
        self.begun = self.begun or self._finished or bool(text) or bool(self._calls)
        return self._speakable(text)

    def rest(self) -> Iterator[Generated]:
        """What was held back, tool calls and usage, once the stream has ended.

        Raises `EngineError` where it ended too early.
        """
        if not self._finished:
            raise EngineError("The embedded language model ended the reply in the middle.", retryable=True)
        if self._held:
            yield written_call(self._held, self._tool_names) or TextDelta(self._held)
        for index, call in sorted(self._calls.items()):
            yield ToolCall(call.id or f"call-{index}", call.name, call.arguments or "{}")
        if self._usage is not None:
            yield self._usage

    def _speakable(self, text: str) -> str:
        if self._held is None:
            return text
        self._held += text
        start = self._held.lstrip()
        if not start or any(start.startswith(opening) or opening.startswith(start) for opening in _OPENS_CALL):
            return ""
        held, self._held = self._held, None
        return held

    def _add_call(self, part: Any) -> None:
        call = self._calls.setdefault(part.index or 0, _PartialCall())
        call.id = call.id or part.id or ""
        if part.function is not None:
            call.name += part.function.name or ""
            call.arguments += part.function.arguments or ""


def written_call(text: str, tool_names: set[str]) -> ToolCall | None:
    """The first call in a reply like `{"name": ..., "arguments": {...}}`, fenced or tagged or not; else None."""
    try:
        call, _ = json.JSONDecoder().raw_decode(text, text.index("{"))
    except ValueError:
        return None
    if not isinstance(call, dict) or call.get("name") not in tool_names:
        return None
    return ToolCall("call-0", call["name"], json.dumps(call.get("arguments") or {}))


def end_probability(completion: Any) -> float:
    """The probability, 0 to 1, that the next token ends the user's message, from a text completion with `logprobs`.

    The sum over its likeliest next tokens that close a sentence, a line or the message. The server lists them in the
    form of chat completions, which the client library leaves as it is.
    """
    candidates = completion.choices[0].logprobs.content[0]["top_logprobs"]
    return min(1.0, fsum(exp(one["logprob"]) for one in candidates if ends_message(one["token"])))
