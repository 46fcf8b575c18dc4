"""Unpacking what was packed by a small packer that is told where the matches are."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "turn_policy"
SIXTEEN = [4] * 16
"""A code of sixteen words of four bits, for the symbols 0 to 15."""


@pytest.fixture
def rnc(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__("rnc")


class Packer:
    """Bits fill words of 16 from the low end; the bytes of a run come after the word that is being filled."""

    def __init__(self) -> None:
        self.out = bytearray()
        self.filled, self.at = 16, 0

    def put(self, value: int, count: int) -> None:
        for number in range(count):
            if self.filled == 16:
                self.at, self.filled = len(self.out), 0
                self.out += b"\0\0"
            bit = value >> number & 1
            self.out[self.at + self.filled // 8] |= bit << self.filled % 8
            self.filled += 1

    def number(self, value: int) -> None:
        symbol = value.bit_length()
        self.put(int(f"{symbol:04b}"[::-1], 2), 4)
        self.put(value & ~(1 << symbol - 1) if symbol > 1 else 0, max(0, symbol - 1))

    def block(self, pairs: list[tuple[bytes, int, int]]) -> None:
        """Runs, each followed by a match: how far back, and how long; the last one's is left out."""
        for _ in range(3):
            self.put(len(SIXTEEN), 5)
            for length in SIXTEEN:
                self.put(length, 4)
        self.put(len(pairs), 16)
        for number, (run, distance, length) in enumerate(pairs, start=1):
            self.number(len(run))
            self.out += run
            if number < len(pairs):
                self.number(distance - 1)
                self.number(length - 2)


def packed(size: int, *blocks: list[tuple[bytes, int, int]]) -> bytes:
    packer = Packer()
    packer.put(0, 2)
    for block in blocks:
        packer.block(block)
    return struct.pack(">3sBIIHHBB", b"RNC", 1, size, len(packer.out), 0, 0, 0, len(blocks)) + bytes(packer.out)


def test_runs_and_matches_of_several_blocks_are_unpacked(rnc) -> None:
    text = b"abcabcabcabc, and so on, and so forth; " + bytes(range(40)) + b"aaaaaaaaaab"
    data = packed(
        len(text),
        [(b"abc", 3, 9), (b", and so on", 11, 8), (b" forth; ", 1, 2)],
        [(bytes(range(40)) + b"a", 1, 9), (b"b", 0, 0)],
    )
    assert rnc.is_packed(data)
    assert rnc.unpacked(data + b"what follows is not read") == text


def test_a_code_with_words_of_several_lengths(rnc) -> None:
    """0, 10, 110 and 111, for the symbols 2, 0, 1 and 3."""
    packer = Packer()
    packer.put(4, 5)
    for length in (2, 3, 1, 3):
        packer.put(length, 4)
    for word in ("0", "10", "110", "111"):
        packer.put(int(word[::-1], 2), len(word))
    bits = rnc._Bits(bytes(packer.out), 0)
    code = bits.code()
    assert [code[int(word[::-1], 2)] for word in ("0", "10", "110", "111")] == [(1, 2), (2, 0), (3, 1), (3, 3)]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"RIFF" + bytes(40), "not packed"),
        (b"RNC\x01", "not packed"),
        (packed(9, [(b"abc", 0, 0)]), "3 bytes in place of 9"),
        (packed(9, [(b"abc", 4, 6), (b"", 0, 0)]), "before the beginning"),
        (packed(3, [(b"abc", 0, 0)])[:30], "no word of the code|bytes in place of"),
    ],
    ids=["another file", "a header alone", "another size", "a match too far back", "cut off"],
)
def test_what_is_not_whole_is_an_error(rnc, data: bytes, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        rnc.unpacked(data)


def test_what_is_not_packed_is_told(rnc) -> None:
    assert not rnc.is_packed(b"\x80" * 100)
