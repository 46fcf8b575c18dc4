"""An engine that runs in worker processes, as the runtime sees it: the contract's engine of its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from vivavoce.isolation.pool import Place, Pool
from vivavoce.isolation.remote import RemoteSession
from vivavoce.isolation.sessions import (
    IsolatedLanguageModel,
    IsolatedSpeechToText,
    IsolatedTextToSpeech,
    IsolatedTurnDetector,
    IsolatedVoiceActivity,
)
from vivavoce_api import Kind, SessionContext

_SESSIONS: dict[Kind, Callable[[RemoteSession], Any]] = {
    Kind.SPEECH_TO_TEXT: IsolatedSpeechToText,
    Kind.TEXT_TO_SPEECH: IsolatedTextToSpeech,
    Kind.VOICE_ACTIVITY: IsolatedVoiceActivity,
    Kind.TURN_DETECTOR: IsolatedTurnDetector,
}


class IsolatedEngine:
    """The workers of one engine. A worker that dies costs the calls that it served, and is started again."""

    def __init__(self, kind: Kind, pool: Pool, sessions_per_worker: int | None) -> None:
        self._kind = kind
        self._pool = pool
        self._sessions_per_worker = sessions_per_worker

    @property
    def max_sessions(self) -> int | None:
        """Sessions that all workers can serve at once; None: no limit of their own."""
        if self._sessions_per_worker is None:
            return None
        return self._sessions_per_worker * len(self._pool.places)

    @property
    def state(self) -> str:
        """How the workers do, in words: `ready`, or how many of them run."""
        alive = sum(place.worker is not None for place in self._pool.places)
        return "ready" if alive == len(self._pool.places) else f"{alive} of {len(self._pool.places)} workers run"

    async def open_session(self, context: SessionContext) -> Any:
        """Open a session in a worker. Raises what the engine raises, and `EngineUnavailableError` while none runs."""
        remote = RemoteSession(self._pool, self._place(), context)
        try:
            methods = await remote.open()
        except BaseException:
            await remote.close()
            raise
        if self._kind is Kind.LANGUAGE_MODEL:
            return IsolatedLanguageModel(remote, methods)
        return _SESSIONS[self._kind](remote)

    async def close(self) -> None:
        """End all workers, and what they serve. Idempotent."""
        await self._pool.close()

    def _place(self) -> Place | None:
        """Where a new session stays; None: in no certain place, as each of its calls is independent of the others.

        An engine that limits its sessions counts them by worker, and so they stay.
        """
        if self._kind is Kind.TEXT_TO_SPEECH and self._sessions_per_worker is None:
            return None
        return min(self._pool.places, key=lambda place: (place.worker is None, place.sessions))
