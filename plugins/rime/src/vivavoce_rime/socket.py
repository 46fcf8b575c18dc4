"""One open WebSocket to Rime: its reader, and the clause that is being spoken on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from itertools import count
from typing import Protocol

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.typing import Subprotocol

from vivavoce_api import EngineError
from vivavoce_rime.failures import Account, garbled, late, unreachable
from vivavoce_rime.heard import MAX_CLAUSE_BYTES, Done, Heard, Meaning, Sound

MAX_MESSAGE_BYTES = 8 << 20
MAX_PENDING_EVENTS = 10_000
CANCEL_TIMEOUT_S = 0.05
"""Cancelling is what barge-in waits for: where the message can't leave so soon, the connection is dropped instead."""
CLOSE_TIMEOUT_S = 1.0


class SocketProtocol(Protocol):
    """What is said on the wire. `greets`: the server speaks first."""

    url: str
    subprotocol: str | None
    greets: bool

    def speak(self, clause: str, context_id: str) -> list[str]: ...

    def cancel(self, context_id: str) -> str: ...

    def read_greeting(self, message: str | bytes) -> None: ...

    def read(self, message: str | bytes) -> tuple[str | None, list[Meaning]]: ...


class Socket:
    """An open connection. It is always being read, so that pings are answered and old sound never piles up."""

    def __init__(self, connection: ClientConnection, protocol: SocketProtocol, account: Account) -> None:
        self._connection = connection
        self._protocol = protocol
        self._account = account
        self._context_id: str | None = None
        self._inbox: asyncio.Queue[Meaning] = asyncio.Queue(MAX_PENDING_EVENTS)
        self._failure: EngineError | None = None
        self._ids = count()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, protocol: SocketProtocol, account: Account, timeout_s: float) -> Socket:
        """Connect, and wait until the server is ready. Raises `EngineError`."""
        address = protocol.url.partition("?")[0]
        connection: ClientConnection | None = None
        try:
            async with asyncio.timeout(timeout_s):
                connection = await connect(
                    protocol.url,
                    additional_headers=account.headers,
                    subprotocols=[Subprotocol(protocol.subprotocol)] if protocol.subprotocol else None,
                    compression=None,  # the sound is base64 of noise: deflating it costs time and saves little
                    open_timeout=None,
                    close_timeout=CLOSE_TIMEOUT_S,
                    max_size=MAX_MESSAGE_BYTES,
                )
                if protocol.greets:
                    protocol.read_greeting(await connection.recv())
            opened, connection = cls(connection, protocol, account), None
            return opened
        except TimeoutError:
            raise late("took no connection", timeout_s) from None
        except InvalidStatus as error:
            raise account.refused(error.response.status_code, _text(error.response.body)) from None
        except ConnectionClosed as error:
            raise account.broke_off(_reason(error)) from error
        except InvalidHandshake as error:
            raise garbled(address) from error
        except (OSError, WebSocketException) as error:
            raise unreachable(address) from error
        finally:
            if connection is not None:
                connection.transport.abort()

    @property
    def usable(self) -> bool:
        """Whether nothing is known to be wrong with the connection."""
        return self._failure is None

    async def lost(self) -> None:
        """Wait until the connection is closed, by whoever."""
        await asyncio.wait([self._reader])

    async def speak(self, clause: str, first_s: float, next_s: float) -> AsyncGenerator[Heard, None]:
        """Speak one clause; waits `first_s` seconds for its first sound and `next_s` for each further event.

        Raises `EngineError`, `Dropped` where the connection broke. Closing it early tells the server to stop.
        """
        context_id = self._context_id = f"clause-{next(self._ids)}"
        self._inbox = asyncio.Queue(MAX_PENDING_EVENTS)
        finished, size, limit_s = False, 0, first_s
        try:
            await self._send(self._protocol.speak(clause, context_id), limit_s)
            while not finished:
                heard = await self._next(
                    limit_s, "gave no sound" if size == 0 else "stopped in the middle: no more sound"
                )
                if isinstance(heard, Done):
                    finished = True
                elif isinstance(heard, EngineError):
                    finished = True
                    raise heard
                else:
                    if isinstance(heard, Sound):
                        size, limit_s = size + len(heard.pcm), next_s
                    if size > MAX_CLAUSE_BYTES:
                        raise garbled(self._protocol.url.partition("?")[0])
                    yield heard
        finally:
            self._context_id = None
            if not finished:
                await self._cancel(context_id)

    async def close(self) -> None:
        """Close the connection. Idempotent."""
        self._fail(EngineError("the session was closed"))
        self._reader.cancel()
        await asyncio.wait([self._reader])
        await self._connection.close()

    async def _send(self, messages: list[str], limit_s: float) -> None:
        if self._failure is not None:
            raise self._failure
        try:
            async with asyncio.timeout(limit_s):
                for message in messages:
                    await self._connection.send(message)
        except TimeoutError:
            raise late("took no text", limit_s) from None
        except ConnectionClosed as error:
            raise self._account.broke_off(_reason(error)) from error

    async def _next(self, limit_s: float, what: str) -> Meaning:
        try:
            async with asyncio.timeout(limit_s):
                return await self._inbox.get()
        except TimeoutError:
            self._connection.transport.abort()  # nobody knows what would come on it next
            raise late(what, limit_s) from None

    async def _cancel(self, context_id: str) -> None:
        try:
            async with asyncio.timeout(CANCEL_TIMEOUT_S):
                await self._connection.send(self._protocol.cancel(context_id))
        except (TimeoutError, ConnectionClosed):
            self._connection.transport.abort()

    async def _read(self) -> None:
        try:
            while True:
                message = await self._connection.recv()
                context_id, meanings = self._protocol.read(message)
                if self._context_id is not None and context_id in (None, self._context_id):
                    for meaning in meanings:
                        self._inbox.put_nowait(meaning)
        except ConnectionClosed as error:
            self._fail(self._account.broke_off(_reason(error)))
        except EngineError as error:
            self._fail(error)
            self._connection.transport.abort()
        except asyncio.QueueFull:
            self._fail(garbled(self._protocol.url.partition("?")[0]))
            self._connection.transport.abort()
        finally:
            self._fail(self._account.broke_off(""))

    def _fail(self, error: EngineError) -> None:
        if self._failure is None:
            self._failure = error
            if not self._inbox.full():
                self._inbox.put_nowait(error)


def _reason(error: ConnectionClosed) -> str:
    return error.rcvd.reason if error.rcvd is not None else ""


def _text(body: bytes | bytearray | None) -> str:
    return bytes(body or b"").decode("utf-8", "replace")
