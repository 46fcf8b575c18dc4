"""The worker's engine: its sessions by number, and their methods by name."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, cast

from vivavoce_api.errors import EngineUnavailableError
from vivavoce_api.worker.flow import Inlet, Outlet
from vivavoce_api.worker.records import ProtocolError

WITH_INPUT = ("synthesize", "transcribe")
"""Methods that stream their input in; all other arguments come with the call."""

OPTIONAL = ("warm", "end_of_turn_probability")
"""Methods that only some sessions have."""


class ServedEngine:
    """An engine or a tool. Methods raise what the engine raises, `ProtocolError` for calls that can't be."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine
        self._sessions: dict[int, Any] = {}

    def description(self) -> dict[str, Any]:
        """What READY tells the host."""
        spec = getattr(self._engine, "spec", None)
        tool = None if spec is None else [spec.name, spec.description, dict(spec.parameters)]
        return {"max_sessions": getattr(self._engine, "max_sessions", None), "tool": tool}

    async def call(self, values: Mapping[str, Any], argument: Any, inlet: Inlet, outlet: Outlet) -> None:
        """Carry out a call, its results into `outlet`. Cancelling stops it as the engine's contract says."""
        method, number = values.get("method"), values.get("session")
        if method == "call_tool":
            return await outlet.put(await self._engine.call(argument))
        if not isinstance(number, int):
            raise ProtocolError("a call without a session")
        if method == "open":
            return await outlet.put(await self._open(number, argument))
        if method == "close":
            return await self._close(number)
        if number not in self._sessions:
            raise EngineUnavailableError("the session is closed in the worker process")
        await self._call_session(self._sessions[number], str(method), argument, inlet, outlet)

    async def _open(self, number: int, context: Any) -> dict[str, Any]:
        session = self._sessions[number] = await self._engine.open_session(context)
        return {"methods": [name for name in OPTIONAL if hasattr(session, name)]}

    async def _close(self, number: int) -> None:
        session = self._sessions.pop(number, None)
        if session is not None:
            await session.close()

    async def _call_session(self, session: Any, method: str, argument: Any, inlet: Inlet, outlet: Outlet) -> None:
        if method in WITH_INPUT:
            await _stream(getattr(session, method)(inlet), outlet)
        elif method == "generate":
            await _stream(session.generate(argument.messages, argument.tools), outlet)
        elif method in OPTIONAL:
            await outlet.put(await getattr(session, method)(argument.messages))
        elif method == "probability":
            await outlet.put(await session.probability(argument))
        elif method == "reset":
            session.reset()
        else:
            raise ProtocolError(f"a call of {method}")

    async def close(self) -> None:
        """Close the sessions that are left, and the engine."""
        for number in list(self._sessions):
            await self._close(number)
        await self._engine.close()


async def _stream(results: Any, outlet: Outlet) -> None:
    try:
        async for result in results:
            await outlet.put(result)
    finally:
        await cast("AsyncGenerator[Any, None]", results).aclose()
