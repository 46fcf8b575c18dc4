"""Ogg Opus as it streams out: a page as soon as its packets are there. For clients, tests and benchmarks."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce.audio.ogg import (
    CAPTURE_PATTERN,
    CHECKSUM_OFFSET,
    FIRST,
    GRANULE_RATE_HZ,
    LAST,
    OPUS_HEAD,
    PAGE_HEADER,
    page_checksum,
)

ENCODER_LOOKAHEAD = 312
"""Pre-skip of libopus's encoder for speech: 6.5 ms at 48 kHz (`OPUS_GET_LOOKAHEAD`)."""


class OggOpusWriter:
    """Wraps the Opus packets of one stream in pages."""

    def __init__(self, input_rate_hz: int, serial: int = 1) -> None:
        self._input_rate_hz = input_rate_hz
        self._serial = serial
        self._sequence = 0
        self._granule = 0

    def take_headers(self) -> bytes:
        """The two pages that every stream begins with, the first time; then nothing."""
        if self._sequence:
            return b""
        head = OPUS_HEAD.pack(b"OpusHead", 1, 1, ENCODER_LOOKAHEAD, self._input_rate_hz, 0, 0)
        vendor = b"vivavoce"
        tags = b"OpusTags" + len(vendor).to_bytes(4, "little") + vendor + bytes(4)
        return self._page([head], FIRST) + self._page([tags], 0)

    def page(self, packets: Sequence[bytes], packet_ms: float, *, last: bool = False) -> bytes:
        """One page of `packets`, each `packet_ms` long. A page takes at most 255 segments (`ValueError`)."""
        self._granule += round(len(packets) * packet_ms * GRANULE_RATE_HZ / 1000)
        return self._page(packets, LAST if last else 0)

    def _page(self, packets: Sequence[bytes], flags: int) -> bytes:
        segments = b"".join(b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) for packet in packets)
        if len(segments) > 255:
            raise ValueError(f"{len(segments)} segments don't fit on an Ogg page")
        header = PAGE_HEADER.pack(
            CAPTURE_PATTERN, 0, flags, self._granule, self._serial, self._sequence, 0, len(segments)
        )
        self._sequence += 1
        raw = bytearray(header + segments + b"".join(packets))
        raw[CHECKSUM_OFFSET : CHECKSUM_OFFSET + 4] = page_checksum(bytes(raw)).to_bytes(4, "little")
        return bytes(raw)
