"""The history of a conversation: what was said, as far as it was heard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from vivavoce_api import Message


@dataclass
class History:
    """The messages that the language model sees.

    A user who goes on before anything of the answer was heard gives two user messages in a row; they are joined
    when the messages are read. Beyond `max_messages` the oldest quarter is dropped, never the instructions: many at
    once, since each time the model's server must read all that stays anew.
    """

    instructions: str
    max_messages: int
    _messages: list[Message] = field(default_factory=list)

    def add(self, *messages: Message) -> None:
        """Append messages that were really said, or tool calls and their results."""
        self._messages.extend(message for message in messages if message.content or message.tool_calls)
        if len(self._messages) > self.max_messages:
            del self._messages[: -max(1, self.max_messages * 3 // 4)]

    def messages(self, *more: Message) -> tuple[Message, ...]:
        """Instructions, history and `more`, with neighbouring messages of one speaker joined."""
        kept = _without_torn_tools(self._messages)
        return (Message("system", self.instructions), *_joined([*kept, *more]))


def _without_torn_tools(messages: Sequence[Message]) -> Sequence[Message]:
    """Drop leading tool results whose call was cut off: servers refuse them."""
    first = next((index for index, message in enumerate(messages) if message.role != "tool"), len(messages))
    return messages[first:]


def _joined(messages: Sequence[Message]) -> list[Message]:
    joined: list[Message] = []
    for message in messages:
        last = joined[-1] if joined else None
        plain = last is not None and not last.tool_calls and not message.tool_calls and message.role != "tool"
        if last is not None and plain and last.role == message.role:
            joined[-1] = Message(message.role, f"{last.content} {message.content}")
        else:
            joined.append(message)
    return joined
