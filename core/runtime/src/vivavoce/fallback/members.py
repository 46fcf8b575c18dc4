"""The plugins of one section's list: loaded side by side, tried again where loading failed, closed together."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from vivavoce.fallback.health import Health
from vivavoce_api import EngineUnavailableError, Offer, VivavoceError

logger = logging.getLogger(__name__)

FIRST_RELOAD_S = 5.0
LONGEST_RELOAD_S = 300.0
"""The pause before loading is tried again doubles each time, from the first to the longest."""


@dataclass(eq=False)
class Member:
    """One plugin of the list. `engine` is None while it could not be loaded. `name` is unique in the list."""

    name: str
    offer: Offer
    deadline_s: float
    load: Callable[[], Awaitable[Any]]
    health: Health = field(default_factory=Health)
    engine: Any = None


class Members:
    """The list, shared by all conversations. `section` is its name in the YAML."""

    def __init__(self, section: str, members: Sequence[Member]) -> None:
        self.section = section
        self.all = tuple(members)
        self._takeovers: Counter[tuple[str, str, str]] = Counter()
        self._reloading: list[asyncio.Task[None]] = []

    async def load(self) -> None:
        """Load all; those that fail are tried again later, in a task that `close` ends.

        Raises the first one's `VivavoceError` where none can be loaded. Cancelling closes what was loaded by then.
        """
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.close)
            async with asyncio.TaskGroup() as group:
                attempts = [group.create_task(self._try_to_load(member)) for member in self.all]
            errors = [attempt.result() for attempt in attempts]
            if errors[0] is not None and all(errors):
                raise errors[0]
            stack.pop_all()
        self._reloading = [asyncio.create_task(self._reload(m)) for m in self.all if m.engine is None]

    async def _try_to_load(self, member: Member) -> VivavoceError | None:
        try:
            member.engine = await member.load()
        except VivavoceError as error:
            logger.warning("%s: %s could not be loaded: %s", self.section, member.name, error.message)
            member.health.error = error.message
            return error
        member.health.error = None
        return None

    async def _reload(self, member: Member) -> None:
        pause_s = FIRST_RELOAD_S
        while member.engine is None:
            await asyncio.sleep(pause_s)
            await self._try_to_load_to_the_end(member)
            pause_s = min(2 * pause_s, LONGEST_RELOAD_S)
        logger.warning("%s: %s is loaded now", self.section, member.name)

    async def _try_to_load_to_the_end(self, member: Member) -> None:
        """Loading happens in a thread that nothing can stop: when cancelled, wait, so that `close` finds the engine."""
        attempt = asyncio.create_task(self._try_to_load(member))
        try:
            await asyncio.shield(attempt)
        except asyncio.CancelledError:
            await asyncio.wait([attempt])
            raise

    async def close(self) -> None:
        """Close all engines, each whatever the others do. Idempotent."""
        reloading, self._reloading = self._reloading, []
        for task in reloading:
            task.cancel()
        await asyncio.gather(*reloading, return_exceptions=True)
        engines = [member.engine for member in self.all if member.engine is not None]
        for member in self.all:
            member.engine = None
        await asyncio.gather(*(engine.close() for engine in engines), return_exceptions=True)

    def took_over(self, failed: Member, taker: Member, reason: str, error: Exception) -> None:
        """Count and log that `taker` does what `failed` could not; `reason`: error, timeout, busy, refused."""
        self._takeovers[(failed.name, taker.name, reason)] += 1
        words = error.message if isinstance(error, VivavoceError) else f"{type(error).__name__}: {error}"
        logger.warning("%s: %s takes over from %s: %s", self.section, taker.name, failed.name, words)

    def none_left(self) -> EngineUnavailableError:
        """The error for a call that no member can take."""
        reasons = "; ".join(f"{member.name}: {member.health.error or 'refuses'}" for member in self.all)
        return EngineUnavailableError(f"none of the plugins for {self.section} can be used now ({reasons})")

    @property
    def takeovers(self) -> list[dict[str, Any]]:
        """How often which member took over from which, and why."""
        return [
            {"from": failed, "to": taker, "reason": reason, "count": count}
            for (failed, taker, reason), count in self._takeovers.items()
        ]

    def states(self) -> list[dict[str, Any]]:
        """Each member's state, in the order of the list: `ready`, `resting` (with the seconds left) or `not loaded`."""
        now = asyncio.get_running_loop().time()
        return [_state(member, now) for member in self.all]


def _state(member: Member, now: float) -> dict[str, Any]:
    rest_s = member.health.rest_s(now)
    state = "not loaded" if member.engine is None else "ready" if rest_s is None else "resting"
    details = {
        "failures": member.health.failures or None,
        "retry_in_s": None if rest_s is None else round(rest_s, 1),
        "error": member.health.error,
    }
    return {"name": member.name, "state": state, **{key: value for key, value in details.items() if value is not None}}
