"""The host's side of the connection to one worker process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from itertools import count
from typing import Any

from vivavoce.isolation.call import Call
from vivavoce.isolation.patience import Patience
from vivavoce_api import EngineUnavailableError, PrerequisiteError, Progress, VivavoceError
from vivavoce_api.worker.failures import decode_failure
from vivavoce_api.worker.records import PROTOCOL, Decoder, ProtocolError, Record, Type, encode
from vivavoce_api.worker.values import encode_value

REBUILD = "vivavoce prepare --rebuild AGENT.yaml"
"""The command that mends an environment."""

LOOKS = 5
"""A silence is judged in so many looks, so that a pause of this process itself is not taken for the worker's."""

MAX_UNSENT_BYTES = 64 << 20
"""What may wait to be sent; credits keep it far below, unless the worker has ceased to read."""

_CALLS = (Type.ITEM, Type.CREDIT, Type.END, Type.ERROR)


class Link(asyncio.Protocol):
    """Records out and in, calls by their number, and a watch over the worker's signs of life.

    `lost` is done as soon as the connection is of no more use, with the reason; all its calls have then ended with it.
    """

    def __init__(self, title: str, patience: Patience, progress: Progress) -> None:
        loop = asyncio.get_running_loop()
        self.title = title
        self.patience = patience
        self.lost: asyncio.Future[EngineUnavailableError] = loop.create_future()
        self._progress = progress
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self.greeted = False
        self._started: asyncio.Future[Mapping[str, Any]] = loop.create_future()
        self._calls: dict[int, Call] = {}
        self._numbers = count(1)
        self._heard = True
        self._silent_looks = 0
        self._next_look: asyncio.TimerHandle | None = None

    async def start(self, order: Mapping[str, Any]) -> Mapping[str, Any]:
        """Have the worker carry out an order; returns what it says of its engine. Raises `VivavoceError`."""
        self.send(Record(Type.START, values=order))
        self._look()
        await asyncio.wait({self._started, self.lost}, return_when=asyncio.FIRST_COMPLETED)
        if not self._started.done():
            raise self.lost.result()
        self._heard = True
        self._look()  # from now on it must not be silent for as long as while it started
        return self._started.result()

    def begin(self, values: Mapping[str, Any], argument: object = None) -> Call:
        """Begin a call. Raises `EngineUnavailableError` when the connection is lost, `EngineError` (too large)."""
        if self.lost.done():
            raise self.lost.result()
        number = next(self._numbers)
        encoded, sound = encode_value(argument)
        self.send(Record(Type.CALL, number, {**values, "argument": encoded}, sound))
        call = self._calls[number] = Call(number, self)
        return call

    def send(self, record: Record) -> None:
        """Send a record; does nothing once the connection is lost. Raises `EngineError` for one that is too large."""
        data = encode(record)
        if self._transport is None or self.lost.done():
            return
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self.break_off("has ceased to read what it is sent")

    def break_off(self, reason: str) -> None:
        """Give the worker up: every call ends with a retryable error that tells the reason. Idempotent."""
        if self.lost.done():
            return
        error = EngineUnavailableError(f"the worker process of {self.title} {reason}")
        self.lost.set_result(error)
        words = f"{error.message}; another one is being started, try again in a moment"
        for call in list(self._calls.values()):
            call.end(EngineUnavailableError(words))
        self._calls.clear()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The worker inherited the other end."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Bytes of the worker."""
        self._heard = True
        try:
            for record in self._decoder.feed(data):
                self._receive(record)
                if self.lost.done():
                    return
        except ProtocolError as error:
            self.break_off(f"sent {error.message}")

    def connection_lost(self, exc: Exception | None) -> None:
        """The worker hung up, or died."""
        self.break_off("ended")

    def _receive(self, record: Record) -> None:
        if not self.greeted:
            self._check_greeting(record)
        elif record.type in _CALLS and record.call:
            self._pass_on(record)
        elif record.type is Type.PROGRESS:
            self._progress(str(record.values.get("step")), record.values.get("done", 0), record.values.get("total"))
        elif record.type is Type.READY and not self._started.done():
            self._started.set_result(record.values)
        elif record.type is Type.ERROR and not self._started.done():
            self._fail_to_start(decode_failure(record.values))
        elif record.type is not Type.BEAT:
            raise ProtocolError(f"a {record.type.name} out of place")

    def _check_greeting(self, record: Record) -> None:
        if record.type is not Type.HELLO:
            raise ProtocolError("something else before its greeting")
        self.greeted = True
        version = record.values.get("protocol")
        if version != PROTOCOL:
            self._fail_to_start(
                PrerequisiteError(
                    f"the worker of {self.title} speaks version {version} of the protocol, this server {PROTOCOL}:"
                    " its environment holds another vivavoce-api",
                    fix=REBUILD,
                )
            )
            self.break_off("speaks another version of the protocol")

    def _fail_to_start(self, error: VivavoceError) -> None:
        if not self._started.done():
            self._started.set_exception(error)

    def _pass_on(self, record: Record) -> None:
        call = self._calls.get(record.call)
        if call is None:
            raise ProtocolError(f"a {record.type.name} of a call that there isn't")
        if record.type in (Type.END, Type.ERROR):
            del self._calls[record.call]
        call.receive(record)
        if record.type is Type.ERROR and record.values.get("last"):
            self.break_off("ended")  # it hangs up next; nobody is to call it until then

    def _look(self) -> None:
        """Look whether anything was heard since the last look."""
        if self._next_look is not None:
            self._next_look.cancel()
        if self.lost.done():
            return
        limit_s = self.patience.silence_s if self._started.done() else self.patience.start_s
        self._silent_looks = 0 if self._heard else self._silent_looks + 1
        self._heard = False
        if self._silent_looks >= LOOKS:
            self.break_off(f"gave no sign of life for {limit_s:g} s")
        else:
            self._next_look = asyncio.get_running_loop().call_later(limit_s / LOOKS, self._look)
