"""One conversation's way through a list of engines: who is asked, who takes over, and who rests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, Protocol, TypeVar

from vivavoce.fallback.deadline import Deadline
from vivavoce.fallback.health import Trial
from vivavoce.fallback.members import Member, Members
from vivavoce_api import (
    ClientError,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    SessionContext,
    VivavoceError,
)

logger = logging.getLogger(__name__)

BUSY_S = 2.0
"""A conversation for which an engine had no place asks it again after so long."""

T = TypeVar("T")


class Call(Protocol[T]):
    """One call of a session's method, which more than one engine may have to answer."""

    @property
    def source_error(self) -> Exception | None:
        """What the caller's own input raised: no engine's fault."""
        ...

    def suits(self, member: Member) -> bool:
        """Whether this member can do what is left of it."""
        ...

    def begin(self, session: Any, member: Member, deadline: Deadline) -> AsyncIterator[T]:
        """Ask for what is left; start and stop `deadline`, on which the next item is waited for."""
        ...

    def given(self, item: T) -> None:
        """`item` goes to the caller now."""
        ...


class Attempts:
    """The sessions of one conversation, each opened when it is first needed and closed at the conversation's end."""

    def __init__(self, members: Members, context: SessionContext) -> None:
        self._members = members
        self._context = context
        self._sessions: dict[str, Any] = {}
        self._busy_until: dict[str, float] = {}
        self._refused: set[str] = set()
        self._opening = asyncio.Lock()
        self._is_closed = False

    async def open_first(self) -> Any:
        """Open a session of the first member that has a place, and return it.

        Raises `ClientError` where it refuses what the client asked for, and what the last one raised where all fail.
        """
        tried: list[Member] = []
        while True:
            member = self._next(tried)
            if member is None:
                raise self._members.none_left()
            tried.append(member)
            trial = self._begin(member)
            try:
                return await self._opened(member, self._limit_s(member, tried))
            except ClientError:
                raise
            except Exception as error:
                self._note(member, trial, error)
                if self._next(tried) is None:
                    raise
            finally:
                trial.ended()

    async def stream(self, call: Call[T]) -> AsyncGenerator[T, None]:
        """The items that the first member gives that can; each next takes over as long as it suits the call.

        Raises what the last one raised. Cancelling (closing) ends what runs.
        """
        tried: list[Member] = []
        failed: tuple[str, Exception] | None = None
        while True:
            member = self._next(tried, call)
            if member is None:
                raise failed[1] if failed else self._members.none_left()
            if failed:
                self._members.took_over(tried[-1], member, *failed)
            tried.append(member)
            trial = self._begin(member)
            try:
                async with aclosing(self._ask(call, member, trial, self._limit_s(member, tried, call))) as items:
                    async for item in items:
                        yield item
                return
            except Exception as error:
                if self._is_closed or call.source_error is not None:
                    raise
                failed = (self._note(member, trial, error), error)
            finally:
                trial.ended()

    async def _ask(self, call: Call[T], member: Member, trial: Trial, limit_s: float | None) -> AsyncGenerator[T, None]:
        session, deadline = await self._opened(member, limit_s), Deadline(limit_s)
        async with aclosing(call.begin(session, member, deadline)) as items:  # type: ignore[type-var]
            while True:
                try:
                    item = await deadline.wait_for(anext(items))
                except StopAsyncIteration:
                    return
                trial.answered()
                call.given(item)
                yield item

    async def _opened(self, member: Member, limit_s: float | None) -> Any:
        deadline = Deadline(limit_s)
        deadline.start()
        return await deadline.wait_for(self._session(member))

    def in_use(self) -> Any | None:
        """The opened session that the next call goes to; None where it is yet to be opened."""
        now = asyncio.get_running_loop().time()
        free = (member for member in self._members.all if self._is_free(member, now))
        return next((self._sessions[member.name] for member in free if member.name in self._sessions), None)

    async def close(self) -> None:
        """Close all sessions, each whatever the others do; what runs ends. Idempotent."""
        self._is_closed = True
        sessions, self._sessions = self._sessions, {}
        await asyncio.gather(*(session.close() for session in sessions.values()), return_exceptions=True)

    def _next(self, tried: list[Member], call: Call[Any] | None = None) -> Member | None:
        """The first that is well; where none is, the first at all: better than to give up."""
        left = self._left(tried, call)
        now = asyncio.get_running_loop().time()
        return next((member for member in left if self._is_free(member, now)), left[0] if left else None)

    def _limit_s(self, member: Member, tried: list[Member], call: Call[Any] | None = None) -> float | None:
        """The member's deadline; None for one that is well while no other is: it is the best hope."""
        now = asyncio.get_running_loop().time()
        others = any(self._is_free(other, now) for other in self._left(tried, call))
        return member.deadline_s if others or not self._is_free(member, now) else None

    def _left(self, tried: list[Member], call: Call[Any] | None) -> list[Member]:
        return [
            member
            for member in self._members.all
            if member not in tried
            and member.engine is not None
            and member.name not in self._refused
            and (call is None or call.suits(member))
        ]

    def _is_free(self, member: Member, now: float) -> bool:
        return (
            member.engine is not None and member.health.is_open(now) and self._busy_until.get(member.name, now) <= now
        )

    def _begin(self, member: Member) -> Trial:
        return member.health.begin(asyncio.get_running_loop().time())

    async def _session(self, member: Member) -> Any:
        async with self._opening:
            if self._is_closed:
                raise EngineError("the session was closed")
            if member.name not in self._sessions:
                wanted = member.offer.session_parameters
                parameters = {key: value for key, value in self._context.parameters.items() if key in wanted}
                context = SessionContext(self._context.session_id, parameters)
                self._sessions[member.name] = await member.engine.open_session(context)
            return self._sessions[member.name]

    def _note(self, member: Member, trial: Trial, error: Exception) -> str:
        """Remember a failure; returns its reason, for the metrics."""
        now = asyncio.get_running_loop().time()
        match error:
            case EngineBusyError():
                self._busy_until[member.name] = now + BUSY_S
                return "busy"
            case EngineTimeoutError() if member.health.is_serving:
                self._busy_until[member.name] = now + BUSY_S
                return "timeout"
            case ClientError():
                self._refused.add(member.name)
                return "refused"
            case EngineTimeoutError():
                trial.failed(now, error.message)
                return "timeout"
            case VivavoceError():
                trial.failed(now, error.message)
            case _:
                logger.exception("%s: %s raised", self._members.section, member.name, exc_info=error)
                trial.failed(now, f"{type(error).__name__}: {error}")
        return "error"
