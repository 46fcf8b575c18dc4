"""What the engines of all three kinds share: a checked recipe, and as many sessions as the YAML allows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

from vivavoce_api import EngineBusyError, SessionContext
from vivavoce_pipecat.options import ServiceOptions
from vivavoce_pipecat.recipe import Recipe


class Session(Protocol):
    """A session of one of our kinds."""

    def begin(self) -> None:
        """Make and connect the service in the background."""
        ...

    async def close(self) -> None:
        """End it."""
        ...


S = TypeVar("S", bound=Session)


class ServiceEngine(Generic[S]):
    """Makes one service for each session; holds nothing itself."""

    def __init__(self, recipe: Recipe, options: ServiceOptions, make: Callable[..., S]) -> None:
        self._recipe = recipe
        self._options = options
        self._make = make
        self._open: set[S] = set()

    @property
    def max_sessions(self) -> int | None:
        """As the YAML says."""
        return self._options.max_sessions

    async def open_session(self, context: SessionContext) -> S:
        """A session whose service is made and connected meanwhile. Raises `EngineBusyError`.

        A service that can't be made or reached is an error of the first turn, and tried anew with each turn.
        """
        limit = self._options.max_sessions
        if limit is not None and len(self._open) >= limit:
            raise EngineBusyError(f"{self._recipe.name} serves {limit} conversations at a time (max_sessions)")
        session = self._make(self._recipe, self._options, self._open.discard)
        self._open.add(session)
        session.begin()
        return session

    async def close(self) -> None:
        """End the sessions that are still open. Idempotent."""
        for session in list(self._open):
            await session.close()


Closed = Callable[[Any], None]
"""Told when a session has been closed."""
