"""Records: the bytes that the host and a worker exchange. Sans I/O: bytes in, records out, and back."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from vivavoce_api.errors import EngineError, EngineUnavailableError

PROTOCOL = 1
"""Version of this protocol; both sides must have the same."""

MAX_RECORD_BYTES = 16 << 20
"""Of one record after its header; far above the longest turn's audio or a conversation's text."""

_HEADER = struct.Struct("!BIII")  # type, call, bytes of JSON, bytes of sound


class ProtocolError(EngineUnavailableError):
    """The other side sent what the protocol does not allow; the connection is of no further use."""


class Type(IntEnum):
    """Types of records; the package's docstring says what each is for."""

    HELLO = 1
    START = 2
    PROGRESS = 3
    READY = 4
    BEAT = 5
    CALL = 6
    ITEM = 7
    CREDIT = 8
    END = 9
    CANCEL = 10
    ERROR = 11


@dataclass(frozen=True, slots=True)
class Record:
    """One message. `call` is the call that it belongs to (0: none), `sound` raw PCM16 that belongs to its `values`."""

    type: Type
    call: int = 0
    values: Mapping[str, Any] = field(default_factory=dict)
    sound: bytes = b""


def encode(record: Record) -> bytes:
    """A record's bytes. Raises `EngineError` above `MAX_RECORD_BYTES`, `TypeError` for what is not JSON."""
    text = json.dumps(record.values, separators=(",", ":")).encode() if record.values else b""
    if len(text) + len(record.sound) > MAX_RECORD_BYTES:
        size = len(text) + len(record.sound)
        raise EngineError(f"a message of {size} bytes is too long for a worker process; {MAX_RECORD_BYTES} are allowed")
    return _HEADER.pack(record.type, record.call, len(text), len(record.sound)) + text + record.sound


class Decoder:
    """Cuts a stream of bytes into records. It keeps no more than one record and what came behind it."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Record]:
        """The records that `data` completes. Raises `ProtocolError`, after which the decoder is of no use."""
        self._buffer += data
        start = 0
        try:
            while len(self._buffer) - start >= _HEADER.size:
                number, call, text_bytes, sound_bytes = _HEADER.unpack_from(self._buffer, start)
                kind = _checked_type(number, text_bytes + sound_bytes)
                text_at = start + _HEADER.size
                sound_at = text_at + text_bytes
                end = sound_at + sound_bytes
                if len(self._buffer) < end:
                    break
                values = _values(bytes(self._buffer[text_at:sound_at]))
                start = end
                yield Record(kind, call, values, bytes(self._buffer[sound_at:end]))
        finally:
            del self._buffer[:start]


def _checked_type(number: int, size: int) -> Type:
    try:
        kind = Type(number)
    except ValueError:
        raise ProtocolError(f"bytes that are no record (a type {number})") from None
    if size > MAX_RECORD_BYTES:
        raise ProtocolError(f"a record of {size} bytes; {MAX_RECORD_BYTES} are the limit")
    return kind


def _values(text: bytes) -> dict[str, Any]:
    if not text:
        return {}
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise ProtocolError("a record whose values are not JSON") from None
    if not isinstance(values, dict):
        raise ProtocolError("a record whose values are no object")
    return values
