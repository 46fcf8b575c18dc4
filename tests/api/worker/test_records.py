"""Records to bytes and back, however the bytes are cut, and what is refused."""

from __future__ import annotations

import struct

import pytest

from vivavoce_api import EngineError
from vivavoce_api.worker import records
from vivavoce_api.worker.records import Decoder, ProtocolError, Record, Type, encode

RECORDS = [
    Record(Type.HELLO, values={"protocol": 1}),
    Record(Type.BEAT),
    Record(Type.ITEM, 7, {"is": "AudioChunk", "hz": 24_000}, bytes(range(256)) * 15),
    Record(Type.CALL, 2**32 - 1, {"text": "naïve ☂ \ud800"}),
    Record(Type.ITEM, 8, {}, b"\x00\x01"),
]


def decoded(data: bytes, size: int) -> list[Record]:
    decoder = Decoder()
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return [record for piece in pieces for record in decoder.feed(piece)]


@pytest.mark.parametrize("size", [1, 2, 12, 13, 14, 1000, 100_000])
def test_records_arrive_as_they_left_however_the_bytes_are_cut(size):
    assert decoded(b"".join(map(encode, RECORDS)), size) == RECORDS


def test_half_a_record_is_none():
    assert decoded(encode(RECORDS[2])[:-1], 100) == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no record"),
        (struct.pack("!BIII", 0, 0, 0, 0), "a type 0"),
        (struct.pack("!BIII", Type.ITEM, 1, 2**31, 0), "are the limit"),
        (struct.pack("!BIII", Type.ITEM, 1, records.MAX_RECORD_BYTES, 1), "are the limit"),
        (struct.pack("!BIII", Type.ITEM, 1, 3, 0) + b"{a}", "not JSON"),
        (struct.pack("!BIII", Type.ITEM, 1, 2, 0) + b"\xff\xff", "not JSON"),
        (struct.pack("!BIII", Type.ITEM, 1, 2, 0) + b"[]", "no object"),
        (struct.pack("!BIII", Type.ITEM, 1, 200_000, 0) + b"[" * 200_000, "not JSON"),
    ],
)
def test_what_is_no_record_is_refused(data, words):
    with pytest.raises(ProtocolError, match=words) as caught:
        decoded(data, 1 << 20)
    assert caught.value.retryable


def test_records_before_the_garbage_still_count():
    records = Decoder().feed(encode(RECORDS[0]) + b"\xff" * 20)
    assert next(records) == RECORDS[0]
    with pytest.raises(ProtocolError):
        next(records)


def test_too_large_a_message_is_not_sent():
    with pytest.raises(EngineError, match="too long for a worker process"):
        encode(Record(Type.ITEM, 1, {}, bytes(records.MAX_RECORD_BYTES + 1)))


def test_what_is_not_jsons_is_not_sent():
    with pytest.raises(TypeError):
        encode(Record(Type.ITEM, 1, {"value": object()}))
