"""Language model: messages and tools in, text and tool calls out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, Union, runtime_checkable

from vivavoce_api.session import SessionContext


@dataclass(frozen=True, slots=True)
class ToolCall:
    """The model wants a tool to run. `arguments` is the JSON text it wrote, unparsed and untrusted."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the conversation. A `tool` message answers the call `tool_call_id`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A tool as the model sees it; `parameters` is a JSON Schema of an object."""

    name: str
    description: str
    parameters: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TextDelta:
    """The next piece of the reply; pieces join without separators."""

    text: str


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one generation, as the engine counts them; the last item of a stream where it counts at all."""

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


Generated = Union[TextDelta, ToolCall, Usage]


@dataclass(frozen=True, slots=True)
class LanguageModelCapabilities:
    """`tools`: may yield tool calls. `warms_prefix`, `predicts_end_of_turn`: its sessions have these methods.

    `serial`: a session works on one request at a time, so that what is asked first delays what is asked next.
    """

    tools: bool = False
    warms_prefix: bool = False
    predicts_end_of_turn: bool = False
    serial: bool = False


class LanguageModelSession(Protocol):
    """One conversation's language model. It keeps no history: each call brings all messages."""

    def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """Stream one reply.

        Raises `EngineError`; before the first item it may retry by itself, after it never does.
        Cancelling (closing the iterator) aborts the generation where it runs, at the server too, at once.
        """
        ...

    async def close(self) -> None:
        """End the session; aborts what is running. Idempotent."""
        ...


@runtime_checkable
class WarmsPrefix(Protocol):
    """Offered by sessions whose capabilities say `warms_prefix`."""

    async def warm(self, messages: Sequence[Message]) -> None:
        """Fill the engine's prompt cache with these messages; yields nothing, changes nothing said."""
        ...


@runtime_checkable
class PredictsEndOfTurn(Protocol):
    """Offered by sessions whose capabilities say `predicts_end_of_turn`."""

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """How likely the last (user) message is complete, 0 to 1: one forward pass, which also warms the prefix."""
        ...


class LanguageModelEngine(Protocol):
    """The loaded model or the connection to its server, shared by all sessions."""

    @property
    def max_sessions(self) -> int | None:
        """Sessions it can serve at once; None: no limit of its own."""
        ...

    async def open_session(self, context: SessionContext) -> LanguageModelSession:
        """Open a session; loads no weights. Raises `EngineBusyError`, `ClientError` (a refused parameter)."""
        ...

    async def close(self) -> None:
        """Free the model, end its process or connections. Idempotent."""
        ...
