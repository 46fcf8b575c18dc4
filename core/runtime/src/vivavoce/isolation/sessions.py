"""Sessions of an engine that runs in worker processes: the contract on this side, calls on the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from vivavoce.isolation.call import Call
from vivavoce.isolation.pool import Place, Pool
from vivavoce.isolation.worker import Worker
from vivavoce_api import (
    AudioChunk,
    EngineUnavailableError,
    Flush,
    Generated,
    Message,
    SessionContext,
    SpeechChunk,
    ToolSpec,
    Transcript,
)
from vivavoce_api.worker.values import Request

CLOSING_S = 1.0
"""How long the end of a session waits for the worker to end it too."""


class RemoteSession:
    """One conversation's session in the workers. It is opened anew in a worker that has started again.

    With a `place` it stays there, else each call goes to whichever worker is free.
    """

    def __init__(self, pool: Pool, place: Place | None, context: SessionContext) -> None:
        self._pool = pool
        self._place = place
        self._context = context
        self._numbers: dict[Worker, int] = {}
        self._opening = asyncio.Lock()
        self._closed = False
        if place is not None:
            place.sessions += 1

    async def open(self) -> Sequence[str]:
        """Open it in a first worker; returns the optional methods that it has. Raises what the engine raises."""
        worker = await self._pool.acquire(self._place, stream=False)
        return await self._open_in(worker)

    async def call(self, method: str, argument: object = None) -> Any:
        """Call a method that gives one result, which is returned. Cancelling gives it up.

        When the worker dies, the next one is asked again, once: these methods judge, and change nothing.
        """
        worker = await self._pool.acquire(self._place, stream=False)
        try:
            return await self._call_in(worker, method, argument)
        except EngineUnavailableError:
            if not worker.link.lost.done():
                raise
        return await self._call_in(await self._pool.acquire(self._place, stream=False), method, argument)

    async def _call_in(self, worker: Worker, method: str, argument: object) -> Any:
        return await result_of(worker, {"session": await self._number_in(worker), "method": method}, argument)

    def tell(self, method: str) -> None:
        """Call a method without waiting, where the session is open; elsewhere it has nothing to forget."""
        for worker, number in self._numbers.items():
            with suppress(EngineUnavailableError):
                worker.link.begin({"session": number, "method": method})

    async def stream(
        self, method: str, argument: object = None, source: AsyncIterator[Any] | None = None
    ) -> AsyncIterator[Any]:
        """Call a method that streams, with `source` as the stream that goes in; what `source` raises comes through.

        Closing it stops the worker's call; it does not wait until the worker has.
        """
        call = await self._begin(method, argument)
        feeding = None if source is None else asyncio.create_task(_feed(source, call))
        if feeding is None:
            call.expect_answer()
        try:
            async for item in call.inlet:
                yield item
        finally:
            call.cancel()
            if feeding is not None:
                feeding.cancel()
                await asyncio.wait({feeding})

    async def _begin(self, method: str, argument: object) -> Call:
        worker = await self._pool.acquire(self._place, stream=True)
        try:
            number = await self._number_in(worker)
            call = worker.link.begin({"session": number, "method": method}, argument)
        except BaseException:
            self._pool.release(worker)
            raise
        call.on_over = lambda: self._pool.release(worker)
        return call

    async def _number_in(self, worker: Worker) -> int:
        async with self._opening:
            if self._closed:
                raise EngineUnavailableError("the session was closed", retryable=False)
            if worker not in self._numbers:
                await self._open_in(worker)
            return self._numbers[worker]

    async def _open_in(self, worker: Worker) -> Sequence[str]:
        number = worker.next_session()
        said = await result_of(worker, {"session": number, "method": "open"}, self._context)
        self._numbers = {w: n for w, n in self._numbers.items() if not w.link.lost.done()} | {worker: number}
        return said["methods"]

    async def close(self) -> None:
        """End it in all workers, and what runs there. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._place is not None:
            self._place.sessions -= 1
        ends = [result_of(w, {"session": number, "method": "close"}) for w, number in self._numbers.items()]
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_S):
                await asyncio.gather(*ends, return_exceptions=True)


async def result_of(worker: Worker, values: Mapping[str, Any], argument: object = None) -> Any:
    """The one result of a call (None where it gives none). Cancelling gives it up. Raises what the engine raises."""
    call = worker.link.begin(values, argument)
    call.expect_answer()
    result = None
    try:
        async for item in call.inlet:
            result = item
    finally:
        call.cancel()
    return result


async def _feed(source: AsyncIterator[Any], call: Call) -> None:
    try:
        async for item in source:
            await call.outlet.put(item)
    except Exception as error:  # noqa: BLE001 - passed on to the reader of the call
        call.inlet.fail(error)
        call.cancel()
    else:
        call.outlet.end()
        call.expect_answer()


class IsolatedSpeechToText:
    """A `SpeechToTextSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """As the contract says; beyond it raises `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("transcribe", source=audio)


class IsolatedTextToSpeech:
    """A `TextToSpeechSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """As the contract says; beyond it raises `EngineBusyError` when no worker is free in time,
        `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("synthesize", source=text)


class IsolatedLanguageModel:
    """A `LanguageModelSession` in a worker; it has `warm` and `end_of_turn_probability` where the engine does."""

    def __init__(self, remote: RemoteSession, methods: Sequence[str]) -> None:
        self._remote = remote
        self.close = remote.close
        if "warm" in methods:
            self.warm = self._warm
        if "end_of_turn_probability" in methods:
            self.end_of_turn_probability = self._end_of_turn_probability

    def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """As the contract says; beyond it raises `EngineUnavailableError` when the worker dies."""
        return self._remote.stream("generate", Request(tuple(messages), tuple(tools)))

    async def _warm(self, messages: Sequence[Message]) -> None:
        await self._remote.call("warm", Request(tuple(messages)))

    async def _end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        return await self._remote.call("end_of_turn_probability", Request(tuple(messages)))


class IsolatedVoiceActivity:
    """A `VoiceActivitySession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    async def probability(self, window: AudioChunk) -> float:
        """As the contract says; a worker that has started again has forgotten earlier windows."""
        return await self._remote.call("probability", window)

    def reset(self) -> None:
        """Forget earlier windows."""
        self._remote.tell("reset")


class IsolatedTurnDetector:
    """A `TurnDetectorSession` in a worker."""

    def __init__(self, remote: RemoteSession) -> None:
        self._remote = remote
        self.close = remote.close

    async def probability(self, turn: AudioChunk) -> float:
        """As the contract says."""
        return await self._remote.call("probability", turn)


class IsolatedTool:
    """A `Tool` in a worker."""

    def __init__(self, pool: Pool, spec: ToolSpec) -> None:
        self._pool = pool
        self.spec = spec
        self.close = pool.close

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """As the contract says."""
        worker = await self._pool.acquire(None, stream=True)
        try:
            return await result_of(worker, {"method": "call_tool"}, arguments)
        finally:
            self._pool.release(worker)
