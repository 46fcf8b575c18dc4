"""Ogg Opus as it streams in: bytes in any cut, Opus packets out, no I/O.

Written here because PyAV, which reads Ogg, can't do it live: its demuxer wants a blocking file, so a thread
for each session, and it hands out a page's packets only when the *next* page begins (measured with PyAV 18:
one page late, whatever the options). With the 80 ms pages of a browser recorder that is 80 ms of latency.

What is read: pages (RFC 3533, section 6) with their checksum, packets over page boundaries, chained streams,
and of Opus's own headers (RFC 7845) what a live stream needs: channels and pre-skip. Other streams in the same
file are skipped, as are tags. Output gain and the final page's trimming are ignored: live recorders set neither.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from vivavoce.audio.opus import MAX_PACKET_BYTES
from vivavoce_api.errors import ClientError

CAPTURE_PATTERN = b"OggS"
PAGE_HEADER = struct.Struct("<4sBBqIIIB")  # pattern, version, flags, granule, serial, sequence, checksum, segments
CHECKSUM_OFFSET = 22
CONTINUED, FIRST, LAST = 0x01, 0x02, 0x04
OPUS_HEAD = struct.Struct("<8sBBHIhB")  # magic, version, channels, pre-skip, input rate, gain, mapping family
GRANULE_RATE_HZ = 48_000
"""Positions and the pre-skip of Ogg Opus count samples at this rate, whatever the encoder's."""

_REVERSED_BITS = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


@dataclass(frozen=True, slots=True)
class OpusHead:
    """An Opus stream begins: decode what follows afresh and drop its first `pre_skip` samples (at 48 kHz)."""

    channels: int
    pre_skip: int


OggEvent = Union[OpusHead, bytes, ClientError]


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its flags, its stream, its place in the stream, and its segments with their lengths."""

    flags: int
    serial: int
    sequence: int
    segments: bytes
    body: bytes


def page_checksum(page: bytes) -> int:
    """Ogg's CRC-32 (polynomial 0x04c11db7, most significant bit first, starting from 0) of a page with checksum 0.

    zlib computes the same polynomial least significant bit first, starting from all ones: reverse the bits
    on the way in and out, undo the start and the end, and C does the work.
    """
    mirrored = zlib.crc32(page.translate(_REVERSED_BITS), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int.from_bytes(mirrored.to_bytes(4, "little").translate(_REVERSED_BITS), "big")


class OggPageReader:
    """Bytes to pages. Holds at most one unfinished page (65,307 bytes) beside what it was just given."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[Page | ClientError]:
        """The pages that end in `data`; a `ClientError` *item* for each stretch that is no page."""
        self._buffer += data
        start = 0
        try:
            while (found := self._buffer.find(CAPTURE_PATTERN, start)) >= 0:
                if found > start:
                    yield ClientError(f"{found - start} bytes between Ogg pages were skipped")
                start = found
                end = self._end_of_page(start)
                if end is None:
                    return
                page = self._parse(bytes(self._buffer[start:end]))
                start = end if isinstance(page, Page) else start + len(CAPTURE_PATTERN)
                yield page
            keep = len(CAPTURE_PATTERN) - 1
            if len(self._buffer) - start > keep:
                skipped = len(self._buffer) - keep - start
                start += skipped
                yield ClientError(f"{skipped} bytes were skipped: no Ogg page begins in them")
        finally:
            del self._buffer[:start]

    def _end_of_page(self, start: int) -> int | None:
        """Where the page that begins at `start` ends; None while its end has not arrived."""
        header_end = start + PAGE_HEADER.size
        if len(self._buffer) < header_end:
            return None
        body_start = header_end + self._buffer[header_end - 1]
        if len(self._buffer) < body_start:
            return None
        end = body_start + sum(self._buffer[header_end:body_start])
        return end if len(self._buffer) >= end else None

    def _parse(self, raw: bytes) -> Page | ClientError:
        _, version, flags, _, serial, sequence, checksum, segment_count = PAGE_HEADER.unpack_from(raw)
        without_checksum = raw[:CHECKSUM_OFFSET] + bytes(4) + raw[CHECKSUM_OFFSET + 4 :]
        if version != 0 or page_checksum(without_checksum) != checksum:
            return ClientError("a damaged Ogg page was skipped (its checksum is wrong)")
        body_start = PAGE_HEADER.size + segment_count
        return Page(flags, serial, sequence, raw[PAGE_HEADER.size : body_start], raw[body_start:])


class OggOpusReader:
    """The Opus stream of an Ogg stream. One reader a client."""

    def __init__(self) -> None:
        self._pages = OggPageReader()
        self._serial: int | None = None
        self._saw_a_beginning = False
        self._next_sequence: int | None = None
        self._partial: bytearray | None = None
        self._tags_expected = False

    def feed(self, data: bytes) -> Iterator[OggEvent]:
        """What `data` completes: stream starts, Opus packets, and a `ClientError` item for what had to be skipped."""
        for page in self._pages.feed(data):
            if isinstance(page, ClientError):
                yield page
            elif page.flags & FIRST:
                yield from self._begin_stream(page)
            elif self._belongs(page):
                yield from self._read_page(page)

    def _begin_stream(self, page: Page) -> Iterator[OggEvent]:
        self._saw_a_beginning = True
        if not page.body.startswith(b"OpusHead"):
            if self._serial is None:
                yield ClientError("an Ogg stream that is not Opus is ignored")
            return
        head = parse_opus_head(page.body)
        if isinstance(head, OpusHead):
            self._serial = page.serial
            self._next_sequence = page.sequence + 1
            self._partial = None
            self._tags_expected = True
        yield head

    def _belongs(self, page: Page) -> bool:
        """Whether the page is of our stream; if no stream began yet, we were too late for it and take it up now."""
        if not self._saw_a_beginning and self._serial is None:
            self._serial = page.serial
        return page.serial == self._serial

    def _read_page(self, page: Page) -> Iterator[OggEvent]:
        if page.sequence != self._next_sequence:
            self._partial = None
        self._next_sequence = page.sequence + 1
        skipping = False
        if page.flags & CONTINUED:
            skipping = self._partial is None
        else:
            self._partial = None
        position = 0
        for length in page.segments:
            if not skipping:
                self._partial = self._partial or bytearray()
                if len(self._partial) <= MAX_PACKET_BYTES:
                    self._partial += page.body[position : position + length]
            position += length
            if length < 255:
                if not skipping:
                    yield from self._end_packet()
                skipping = False
                self._partial = None

    def _end_packet(self) -> Iterator[OggEvent]:
        packet = bytes(self._partial or b"")
        if packet.startswith(b"OpusTags") or self._tags_expected:
            self._tags_expected = False
        elif len(packet) > MAX_PACKET_BYTES:
            yield ClientError(f"an Opus packet of more than {MAX_PACKET_BYTES} bytes was skipped")
        elif packet:
            yield packet


def parse_opus_head(packet: bytes) -> OpusHead | ClientError:
    """The identification header (RFC 7845, section 5.1); a `ClientError` when it asks for what we can't decode."""
    if len(packet) < OPUS_HEAD.size:
        return ClientError("the OpusHead of the Ogg stream is too short")
    _, version, channels, pre_skip, _, _, mapping_family = OPUS_HEAD.unpack_from(packet)
    if version >> 4 != 0:
        return ClientError(f"the Ogg stream's OpusHead has version {version}, this server knows 0 to 15")
    if mapping_family != 0 or channels not in (1, 2):
        return ClientError(f"the Ogg stream has {channels} channels; send mono or stereo")
    return OpusHead(channels, pre_skip)
