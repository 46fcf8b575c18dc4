"""Writing a reply: the language model's text, with the tools it asks for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from vivavoce_api import (
    EngineError,
    LanguageModelSession,
    Message,
    TextDelta,
    Tool,
    ToolCall,
    Usage,
    VivavoceError,
)

# A model that calls tools round after round without an answer is stuck.
MAX_TOOL_ROUNDS = 4
TOOL_TIMEOUT_S = 20.0
INTERRUPTED = "error: interrupted before it was done"


@dataclass
class Draft:
    """A reply while it is written. `asides` are the tool calls and results that belong before its text."""

    text: str = ""
    pieces: int = 0
    first_token_at: float | None = None
    usage: Usage | None = None
    asides: list[Message] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Append a piece of text."""
        if self.first_token_at is None:
            self.first_token_at = asyncio.get_running_loop().time()
        self.text += text
        self.pieces += 1


async def recite(draft: Draft, text: str) -> AsyncIterator[str]:
    """A reply whose words are known, such as a greeting."""
    draft.add(text)
    yield text


async def write(
    draft: Draft,
    model: LanguageModelSession,
    messages: Sequence[Message],
    tools: Mapping[str, Tool],
    committed: asyncio.Event,
) -> AsyncIterator[str]:
    """Stream the model's reply to `messages`, running the tools it calls once `committed` is set.

    Raises `EngineError`. Cancelling aborts the generation at its server and the tool that runs.
    """
    specs = [tool.spec for tool in tools.values()]
    for _ in range(MAX_TOOL_ROUNDS):
        calls: list[ToolCall] = []
        async with aclosing(model.generate([*messages, *draft.asides], specs)) as stream:  # type: ignore[type-var]
            async for item in stream:
                if isinstance(item, TextDelta):
                    draft.add(item.text)
                    yield item.text
                elif isinstance(item, ToolCall):
                    calls.append(item)
                else:
                    draft.usage = item
        if not calls:
            return
        await committed.wait()
        await _run_all(calls, tools, draft.asides)
    raise EngineError(f"the language model called tools {MAX_TOOL_ROUNDS} times without giving an answer")


async def _run_all(calls: Sequence[ToolCall], tools: Mapping[str, Tool], asides: list[Message]) -> None:
    """Run the calls, one after the other.

    They are noted at once, as interrupted until their results are there: whoever ends the reply meanwhile keeps what
    ran, and a model server refuses a call that nothing answers.
    """
    asides.append(Message("assistant", "", tool_calls=tuple(calls)))
    first = len(asides)
    asides.extend(Message("tool", INTERRUPTED, tool_call_id=call.id) for call in calls)
    for place, call in enumerate(calls, first):
        asides[place] = Message("tool", await _run(call, tools), tool_call_id=call.id)


async def _run(call: ToolCall, tools: Mapping[str, Tool]) -> str:
    """The tool's result, or words for the model about what went wrong: it can apologise or try again."""
    tool = tools.get(call.name)
    if tool is None:
        return f"error: there is no tool '{call.name}'"
    try:
        arguments = json.loads(call.arguments or "{}")
    except json.JSONDecodeError as error:
        return f"error: the arguments are not JSON: {error}"
    if not isinstance(arguments, dict):
        return "error: the arguments must be a JSON object"
    try:
        async with asyncio.timeout(TOOL_TIMEOUT_S):
            return await tool.call(arguments)
    except TimeoutError:
        return f"error: '{call.name}' did not answer within {TOOL_TIMEOUT_S:.0f} s"
    except VivavoceError as error:
        return f"error: {error.message}"
