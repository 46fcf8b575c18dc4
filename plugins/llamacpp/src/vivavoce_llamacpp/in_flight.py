"""What a session is waiting for, so that closing the session ends all of it at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai

from vivavoce_api.errors import EngineError, EngineTimeoutError


class InFlight:
    """Requests of one session; `translate` turns the client library's errors into ours."""

    def __init__(self, translate: Callable[[openai.OpenAIError], EngineError]) -> None:
        self._translate = translate
        self._deadlines: set[asyncio.Timeout] = set()
        self._streams: set[openai.AsyncStream[Any]] = set()
        self._closed = False

    @asynccontextmanager
    async def until(self, due_s: float, late: str) -> AsyncIterator[None]:
        """Run the block until `due_s`, a time of the event loop.

        Raises `EngineTimeoutError` with the words `late`, and `EngineError` for whatever the server does wrong or
        when the session is closed meanwhile.
        """
        self._raise_if_closed()
        try:
            async with asyncio.timeout_at(due_s) as deadline:
                self._deadlines.add(deadline)
                try:
                    yield
                finally:
                    self._deadlines.discard(deadline)
        except TimeoutError:
            self._raise_if_closed()
            raise EngineTimeoutError(late) from None
        except openai.OpenAIError as error:
            self._raise_if_closed()
            raise self._translate(error) from error
        except ValueError as error:  # the client library reads JSON without a guard
            raise EngineError("The embedded language model sent something else than JSON events.") from error

    @asynccontextmanager
    async def streaming(self, stream: openai.AsyncStream[Any]) -> AsyncIterator[None]:
        """Hold a stream; leaving closes its connection, at which the server stops generating."""
        self._streams.add(stream)
        try:
            yield
        finally:
            self._streams.discard(stream)
            await stream.close()

    async def close(self) -> None:
        """End everything at once. Idempotent."""
        self._closed = True
        for deadline in self._deadlines:
            if not deadline.expired():
                deadline.reschedule(asyncio.get_running_loop().time())
        for stream in list(self._streams):
            await stream.close()

    def _raise_if_closed(self) -> None:
        if self._closed:
            raise EngineError("The session with the language model is closed.")
