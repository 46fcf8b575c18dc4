"""A conversation that has become too long for the model's context, made shorter."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce_api.language_model import Message

KEPT_PART = 0.5
"""Part of the history that is kept: so much is cut at once that some turns pass before it is too long again, for each
cut costs the server's prefix cache."""


class Shortening:
    """Leaves out the middle of a conversation: what is between the instructions and the newest messages.

    Once it has cut, it cuts later (longer) histories at the same message, so that their beginnings stay equal.
    """

    def __init__(self) -> None:
        self._begins_with: Message | None = None

    def of(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages without what was cut before."""
        first = _instructions(messages)
        if self._begins_with is not None and self._begins_with in messages[first:]:
            return [*messages[:first], *messages[messages.index(self._begins_with, first) :]]
        return messages

    def cut(self, messages: Sequence[Message]) -> bool:
        """Leave out more; whether anything is left that can be. `messages` are whole, as `of` gets them.

        What is kept begins with a message of the user's, so that no tool's answer stands without its call; the newest
        of them is always kept.
        """
        messages = self.of(messages)
        first = _instructions(messages)
        users = [n for n in range(first + 1, len(messages)) if messages[n].role == "user"]
        if not users:
            return False
        limit = KEPT_PART * sum(_size(message) for message in messages[first:])
        fitting = [n for n in users if sum(_size(message) for message in messages[n:]) <= limit]
        self._begins_with = messages[(fitting or users[-1:])[0]]
        return True


def _instructions(messages: Sequence[Message]) -> int:
    """How many messages at the beginning are instructions."""
    return next((n for n, message in enumerate(messages) if message.role != "system"), len(messages))


def _size(message: Message) -> int:
    return len(message.content) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
