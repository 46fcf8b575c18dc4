"""Unpacking Rob Northen's compression, method 1, in which one of the games keeps its recordings.

A header of 18 bytes ("RNC" and 1, the sizes and check sums, and how many blocks there are), then blocks. A block has
three Huffman codes, of the lengths of literal runs, of how far back a match lies, and of the lengths of matches; then
how many pairs of a run and a match follow, of which the last has no match. Bits are taken from the low end of
little-endian words of 16; the bytes of a run stand between two such words.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

HEADER = struct.Struct(">3sBIIHHBB")
SHORTEST_MATCH = 2
LONGEST_CODE = 15

Code = list[tuple[int, int]]
"""What the next bits say, by all of them that the longest word may have: how many belong to it, and its symbol."""


def is_packed(data: bytes) -> bool:
    """Whether this begins as method 1 does."""
    return data[:4] == b"RNC\x01"


def unpacked(data: bytes) -> bytes:
    """What was packed. Raises `ValueError` for anything else and for what is not whole."""
    if not is_packed(data) or len(data) < HEADER.size:
        raise ValueError("this is not packed by RNC method 1")
    *_, size, packed_size, _, _, _, blocks = HEADER.unpack_from(data)
    bits = _Bits(data[: HEADER.size + packed_size], HEADER.size)
    bits.take(2)  # locked, and encrypted: neither is used
    out = bytearray()
    for _ in range(blocks):
        runs, distances, lengths = (bits.code() for _ in range(3))
        for left in range(bits.take(16) - 1, -1, -1):
            out += bits.raw(bits.number(runs))
            if left:
                distance = bits.number(distances) + 1
                length = bits.number(lengths) + SHORTEST_MATCH
                start = len(out) - distance
                if start < 0:
                    raise ValueError("a match lies before the beginning")
                out += (out[start:] * (length // distance + 1))[:length]
    if len(out) != size:
        raise ValueError(f"{len(out)} bytes in place of {size}")
    return bytes(out)


@dataclass
class _Bits:
    """Reads bits and bytes from the place `at` on."""

    data: bytes
    at: int
    held: int = 0
    count: int = 0

    def take(self, count: int) -> int:
        """The next bits, up to 16, as a number."""
        if self.count < count:
            self.held |= self._word() << self.count
            self.count += 16
            self.at += 2
        taken = self.held & ((1 << count) - 1)
        self.held >>= count
        self.count -= count
        return taken

    def raw(self, count: int) -> bytes:
        """The bytes that stand after the word of which bits are left."""
        self.at += count
        return self.data[self.at - count : self.at]

    def code(self) -> Code:
        """A code, told by the lengths of its words; shorter words, and of these those of lower symbols, come first."""
        lengths = [self.take(4) for _ in range(self.take(5))]
        longest = max(lengths, default=0)
        code: Code = [(0, 0)] * (1 << longest)
        word = 0
        for length in range(1, longest + 1):
            for symbol in [symbol for symbol, given in enumerate(lengths) if given == length]:
                first = int(f"{word:0{length}b}"[::-1], 2)
                code[first :: 1 << length] = [(length, symbol)] * (1 << (longest - length))
                word += 1
            word <<= 1
        return code

    def number(self, code: Code) -> int:
        """A number: its symbol is how many bits it has, all but the highest of which follow."""
        ahead = self.held if self.count >= LONGEST_CODE else self.held | self._word() << self.count
        length, symbol = code[ahead & (len(code) - 1)]
        if not length:
            raise ValueError("no word of the code")
        self.take(length)
        return symbol if symbol < 2 else 1 << (symbol - 1) | self.take(symbol - 1)

    def _word(self) -> int:
        return int.from_bytes(self.data[self.at : self.at + 2], "little")
