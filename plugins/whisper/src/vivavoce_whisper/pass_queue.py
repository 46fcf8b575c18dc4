"""Who is next: all conversations share one model, pass by pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from vivavoce_api import EngineError, EngineUnavailableError
from vivavoce_whisper.decoder import AbandonedError, Decoded


class Decodes(Protocol):
    """What the queue needs of a `Decoder`."""

    def decode(self, pcm: bytes, is_wanted: Callable[[], bool], *, draft: bool) -> Decoded:
        """See `Decoder.decode`."""
        ...

    def close(self) -> None:
        """See `Decoder.close`."""
        ...


@dataclass(eq=False)
class Lane:
    """One conversation's place in the queue: at most one pass of it waits."""

    served: int = 0
    """The number of the newest pass of this lane that began, counted over all lanes."""


@dataclass(eq=False)
class Pass:
    """One run of the model over PCM16 at 16 kHz. `future` ends with its `Decoded` or an `EngineError`."""

    lane: Lane
    pcm: bytes
    urgent: bool
    future: Future[Decoded] = field(default_factory=Future)
    abandoned: bool = False
    steps: int = 0
    """How many steps of it have begun: the first ends with the encoder's work, more than half of all."""

    def begin_step(self) -> bool:
        """Whether to go on with the next step. The model's thread."""
        self.steps += 1
        return not self.abandoned

    def abandon(self) -> None:
        """Nobody wants it any more: it never begins or, if it has begun, stops at the next step. Any thread."""
        self.abandoned = True
        self.future.cancel()


class PassQueue:
    """Runs passes on one thread for each replica of the model.

    Urgent passes go before others; among equals, the lane that was served longest ago is next. The queue
    can't grow beyond one waiting pass a lane.
    """

    def __init__(self, decoder: Decodes, replicas: int = 1) -> None:
        self._decoder = decoder
        self._waiting: dict[Lane, Pass] = {}
        self._changed = threading.Condition()
        self._served = 0
        self._closed = False
        self._threads = [threading.Thread(target=self._work, name=f"whisper-{n}", daemon=True) for n in range(replicas)]
        for thread in self._threads:
            thread.start()

    def submit(self, lane: Lane, pcm: bytes, *, urgent: bool) -> Pass:
        """Queue a pass over PCM16 at 16 kHz; a waiting one of the same lane is abandoned for it.

        Never blocks for long. Raises `EngineUnavailableError` after `close`.
        """
        new = Pass(lane, pcm, urgent)
        with self._changed:
            if self._closed:
                raise _shut_down()
            superseded = self._waiting.get(lane)
            self._waiting[lane] = new
            self._changed.notify()
        if superseded is not None:
            superseded.abandon()
        return new

    def close(self) -> None:
        """Abandon all passes, wait for the threads, and free the model. Blocks; idempotent."""
        with self._changed:
            already, self._closed = self._closed, True
            waiting = list(self._waiting.values())
            self._waiting.clear()
            self._changed.notify_all()
        for pending in waiting:
            if pending.future.set_running_or_notify_cancel():
                pending.future.set_exception(_shut_down())
        for thread in self._threads:
            thread.join()
        if not already:
            self._decoder.close()

    def _work(self) -> None:
        while (current := self._next()) is not None:
            if not current.future.set_running_or_notify_cancel():
                continue
            try:
                decoded = self._decode(current)
            except AbandonedError:
                current.future.set_exception(_shut_down())
            except Exception as error:  # noqa: BLE001 - the boundary to CTranslate2: reported by whoever waits
                current.future.set_exception(EngineError(f"Whisper failed: {error}"))
            else:
                current.future.set_result(decoded)

    def _decode(self, current: Pass) -> Decoded:
        def is_wanted() -> bool:
            return current.begin_step() and not self._closed

        return self._decoder.decode(current.pcm, is_wanted, draft=not current.urgent)

    def _next(self) -> Pass | None:
        with self._changed:
            while not self._closed:
                self._waiting = {lane: waiting for lane, waiting in self._waiting.items() if not waiting.abandoned}
                if self._waiting:
                    return self._take()
                self._changed.wait()
        return None

    def _take(self) -> Pass:
        chosen = min(self._waiting.values(), key=lambda waiting: (not waiting.urgent, waiting.lane.served))
        del self._waiting[chosen.lane]
        self._served += 1
        chosen.lane.served = self._served
        return chosen


def _shut_down() -> EngineUnavailableError:
    return EngineUnavailableError("Whisper is shut down", retryable=False)
