"""A language model that is the first of several that answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing

from vivavoce.fallback.attempts import Attempts
from vivavoce.fallback.deadline import Deadline
from vivavoce.fallback.members import Member
from vivavoce_api import (
    EngineUnavailableError,
    Generated,
    LanguageModelSession,
    Message,
    PredictsEndOfTurn,
    ToolSpec,
    WarmsPrefix,
)


class _Generation:
    """One reply. Once it has begun, nobody else can go on with it: another model would say something else."""

    source_error = None

    def __init__(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> None:
        self._messages = messages
        self._tools = tools
        self._deadline = Deadline(None)
        self._has_begun = False

    def suits(self, member: Member) -> bool:
        return not self._has_begun

    def begin(self, session: LanguageModelSession, member: Member, deadline: Deadline) -> AsyncIterator[Generated]:
        self._deadline = deadline
        deadline.start()
        return session.generate(self._messages, self._tools)

    def given(self, item: Generated) -> None:
        self._deadline.stop()
        self._has_begun = True


class FallbackLanguageModel:
    """A `LanguageModelSession`: the next model takes over until the first piece of a reply is there."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """As the contract says; a failure after the first piece is raised."""
        async with aclosing(self._attempts.stream(_Generation(messages, tools))) as items:
            async for item in items:
                yield item

    async def warm(self, messages: Sequence[Message]) -> None:
        """Warm the model in use, where it can be warmed. Raises what it raises."""
        session = self._attempts.in_use()
        if isinstance(session, WarmsPrefix):
            await session.warm(messages)

    async def close(self) -> None:
        """Close the sessions of all models."""
        await self._attempts.close()


class PredictingFallbackLanguageModel(FallbackLanguageModel):
    """Such a session whose model can tell whether a turn is over."""

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """Asks the model in use. Raises what it raises, and `EngineUnavailableError` where it can't tell."""
        session = self._attempts.in_use()
        if not isinstance(session, PredictsEndOfTurn):
            raise EngineUnavailableError("the language model in use can't tell whether a turn is over")
        return await session.end_of_turn_probability(messages)
