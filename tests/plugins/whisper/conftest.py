"""A decoder whose passes end when the test says so."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from vivavoce_whisper.decoder import AbandonedError, Decoded
from vivavoce_whisper.engine import WhisperEngine

WAIT_S = 10.0
"""Longer than any of it takes; only a failing test waits so long."""


@dataclass
class StubPass:
    """A pass that has begun: `finish` it, or let it ask whether it is still wanted."""

    pcm: bytes
    is_wanted: Callable[[], bool]
    draft: bool
    _answer: queue.Queue[Decoded | Exception | None] = field(default_factory=queue.Queue)

    @property
    def audio_ms(self) -> float:
        return len(self.pcm) / 32

    def finish(self, text: str, **settled: object) -> None:
        self._answer.put(Decoded(text, **settled))  # type: ignore[arg-type]

    def fail(self, error: Exception) -> None:
        self._answer.put(error)

    def step(self) -> None:
        """Come to the point where a real decoder looks whether it should go on; then it goes on for ever."""
        self._answer.put(None)

    async def stepped(self) -> None:
        """Come to that point, and beyond it."""
        self.step()
        await asyncio.to_thread(self._answer.join)

    def run(self) -> Decoded:
        answer = self._answer.get(timeout=WAIT_S)
        if isinstance(answer, Exception):
            raise answer
        if answer is not None:
            return answer
        self.go_on()
        self._answer.task_done()
        return self.run()

    def go_on(self) -> None:
        """What a real decoder does at the beginning of each step."""
        if not self.is_wanted():
            raise AbandonedError


class StubDecoder:
    """Stands in for the model; `begun()` is the next pass that it was given."""

    def __init__(self) -> None:
        self._begun: queue.Queue[StubPass] = queue.Queue()
        self._all: list[StubPass] = []
        self.closed = threading.Event()

    def decode(self, pcm: bytes, is_wanted: Callable[[], bool], *, draft: bool) -> Decoded:
        current = StubPass(pcm, is_wanted, draft)
        self._all.append(current)
        current.go_on()
        self._begun.put(current)
        return current.run()

    def close(self) -> None:
        self.closed.set()

    def release(self) -> None:
        for current in self._all:
            current.fail(AbandonedError())

    async def begun(self) -> StubPass:
        return await asyncio.to_thread(self._begun.get, timeout=WAIT_S)

    @property
    def idle(self) -> bool:
        return self._begun.empty()


@pytest.fixture
def decoder() -> Iterator[StubDecoder]:
    """A model whose passes the test ends itself; those that it left end with it."""
    stub = StubDecoder()
    yield stub
    stub.release()


@pytest.fixture
def make_engine(decoder: StubDecoder) -> Iterator[Callable[..., WhisperEngine]]:
    """Engines on the stub model, closed at the end."""
    engines: list[WhisperEngine] = []

    def make(**options: int) -> WhisperEngine:
        engines.append(WhisperEngine(decoder, **options))
        return engines[-1]

    yield make
    decoder.release()
    for engine in engines:
        asyncio.run(engine.close())
