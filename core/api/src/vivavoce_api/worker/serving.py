"""The worker's side of the connection: one engine, any number of calls at once."""

from __future__ import annotations

import asyncio
import gc
import logging
from dataclasses import dataclass
from typing import Any

from vivavoce_api.errors import EngineUnavailableError, VivavoceError
from vivavoce_api.worker.engine import ServedEngine
from vivavoce_api.worker.failures import encode_failure, is_out_of_memory
from vivavoce_api.worker.flow import Inlet, Outlet
from vivavoce_api.worker.records import PROTOCOL, Decoder, ProtocolError, Record, Type, encode
from vivavoce_api.worker.starting import Order, carry_out
from vivavoce_api.worker.values import decode_value

logger = logging.getLogger(__name__)

BEAT_S = 0.5


@dataclass(slots=True)
class _Call:
    """A call that runs."""

    session: Any
    inlet: Inlet
    outlet: Outlet
    task: asyncio.Task[None]
    cancelled: bool = False


class WorkerServer(asyncio.Protocol):
    """Serves the host behind one connection until that ends."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._calls: dict[int, _Call] = {}
        self._engine: ServedEngine | None = None
        self._name = "the engine"
        self._starting: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._disconnected = asyncio.Event()
        self._hung_up = False

    async def serve(self) -> None:
        """Until the host is gone; then everything is stopped and closed."""
        await self._disconnected.wait()
        tasks = [call.task for call in self._calls.values()]
        tasks += [self._starting] if self._starting is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._engine is not None:
            await self._engine.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet the host, and begin to beat."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send(Record(Type.HELLO, values={"protocol": PROTOCOL}))
        self._beat()

    def data_received(self, data: bytes) -> None:
        """Bytes of the host."""
        try:
            for record in self._decoder.feed(data):
                self._receive(record)
        except ProtocolError as error:
            logger.error("the server sent %s", error.message)
            self._hang_up()

    def connection_lost(self, exc: Exception | None) -> None:
        """The host is gone, or this side hung up."""
        self._transport = None
        self._disconnected.set()

    def _beat(self) -> None:
        if self._transport is not None:
            self._send(Record(Type.BEAT))
            asyncio.get_running_loop().call_later(BEAT_S, self._beat)

    def _send(self, record: Record) -> None:
        data = encode(record)  # also where nobody listens: a value that can't be sent is a fault either way
        if self._transport is not None and not self._hung_up:
            self._transport.write(data)

    def _hang_up(self) -> None:
        """End the connection once all is sent; the host closes it, whereupon this side stops."""
        if self._transport is not None and not self._hung_up:
            self._hung_up = True
            self._transport.write_eof()

    def _receive(self, record: Record) -> None:
        if record.type is Type.START and self._starting is None:
            self._starting = asyncio.ensure_future(self._start(Order.of(record.values)))
        elif record.type is Type.CALL and record.call not in self._calls:
            self._begin(record)
        elif record.type in (Type.ITEM, Type.CREDIT, Type.END, Type.CANCEL):
            call = self._calls.get(record.call)
            if call is not None:  # else it has ended, which the host learns about now
                _pass_on(record, call)
        else:
            raise ProtocolError(f"a {record.type.name} out of place")

    async def _start(self, order: Order) -> None:
        self._name = order.title
        loop = asyncio.get_running_loop()

        def progress(step: str, done: int = 0, total: int | None = None) -> None:
            values = {"step": step, "done": done, "total": total}
            loop.call_soon_threadsafe(self._send, Record(Type.PROGRESS, values=values))

        try:
            engine = await asyncio.to_thread(carry_out, order, progress)
        except VivavoceError as error:
            self._send(Record(Type.ERROR, values=encode_failure(error, self._name)))
            return
        self._engine = None if engine is None else ServedEngine(engine)
        gc.collect()
        gc.freeze()  # what was loaded lives as long as this process: looking through it would stop all its sessions
        self._send(Record(Type.READY, values={} if self._engine is None else self._engine.description()))

    def _begin(self, record: Record) -> None:
        argument = decode_value(record.values["argument"], record.sound) if "argument" in record.values else None
        inlet, outlet = Inlet(record.call, self._send), Outlet(record.call, self._send)
        task = asyncio.ensure_future(self._carry_out(record, argument, inlet, outlet))
        self._calls[record.call] = _Call(record.values.get("session"), inlet, outlet, task)
        task.add_done_callback(lambda _: self._end(record.call))

    async def _carry_out(self, record: Record, argument: Any, inlet: Inlet, outlet: Outlet) -> None:
        if self._engine is None:
            raise EngineUnavailableError("the worker process has not loaded its engine yet")
        session = record.values.get("session")
        stopping = [call.task for call in self._calls.values() if call.cancelled and call.session == session]
        if stopping:  # the session must be ready again before it is called again
            await asyncio.wait(stopping)
        await self._engine.call(record.values, argument, inlet, outlet)

    def _end(self, number: int) -> None:
        """A call's task is done: tell the host how."""
        task = self._calls.pop(number).task
        error = None if task.cancelled() else task.exception()
        if error is None:
            self._send(Record(Type.END, number))
            return
        if not isinstance(error, VivavoceError):
            logger.error("%s failed", self._name, exc_info=error)
        last = is_out_of_memory(error)  # what else now lacks memory nobody knows: the host starts another worker
        self._send(Record(Type.ERROR, number, {**encode_failure(error, self._name), "last": last}))
        if last:
            self._hang_up()


def _pass_on(record: Record, call: _Call) -> None:
    if record.type is Type.ITEM:
        call.inlet.add(decode_value(record.values, record.sound))
    elif record.type is Type.END:
        call.inlet.end()
    elif record.type is Type.CREDIT:
        call.outlet.grant(record.values.get("items"))
    else:
        call.cancelled = True
        call.task.cancel()
