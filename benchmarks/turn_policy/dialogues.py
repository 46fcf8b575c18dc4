"""Spoken lines of people: the dialogues of two games that may be given away and changed.

"Beneath a Steel Sky" (Revolution Software) and "Flight of the Amazon Queen" (John Passfield, Steven Stamatiadis) are in
Debian's main archive with their recordings, some fifty actors and six hours. The layouts of their files are those that
ScummVM's documentation of both engines describes. What is said is known of the second game's conversations.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from rnc import is_packed, unpacked
from rooms import RATE_HZ, Sound

SKY_SPEECH = range(50_000, 60_000)
"""Files of these numbers are speech: a header of 22 bytes, then unsigned 8 bit samples, packed but for a few."""
SKY_HEADER, SKY_RATE_HZ = 22, 11_025
QUEEN_HEADER, QUEEN_ENTRY = 15, 21
TALK_HEADER, TALK_START, TALK_LEVEL, TALK_ANSWERS = 20, 32, 96, 22
"""A conversation's file: its header, then where the player's lines begin, so much later for each level, and where the
place of the other's lines stands."""
COMMAND = re.compile(r"\*(?:XY\d\d\(\d+,\d+\)|..)")
"""What an actor does between two recordings of a line."""
SHORTEST_S = 1.0


@dataclass(frozen=True, slots=True)
class SpokenLine:
    """`sound` is mono at 16 kHz; `text` is what the game shows while it is played, "" where that is not known."""

    name: str
    sound: Sound
    text: str = ""


def spoken_lines(folder: Path) -> Iterator[SpokenLine]:
    """All lines of a second and more below `folder`, where both games were unpacked."""
    for line in (*_queen(_only(folder, "queen.1c")), *_sky(_only(folder, "sky.dnr"), _only(folder, "sky.dsk"))):
        if len(line.sound) >= SHORTEST_S * RATE_HZ:
            yield line


def _only(folder: Path, name: str) -> bytes:
    found = next(folder.rglob(name), None)
    if found is None:
        raise SystemExit(f"{folder} holds no {name}: unpack both games there (see the README)")
    return found.read_bytes()


def _queen(data: bytes) -> Iterator[SpokenLine]:
    """A table of names, places and lengths; MP3 in the files that end in .SB, conversations in those in .DOG."""
    (count,) = struct.unpack_from(">H", data, QUEEN_HEADER - 2)
    files: dict[str, bytes] = {}
    for entry in range(count):
        name, _, offset, size = struct.unpack_from(">12sBII", data, QUEEN_HEADER + entry * QUEEN_ENTRY)
        files[name.split(b"\0")[0].decode("latin-1")] = data[offset : offset + size]
    talks = [talk[TALK_HEADER:] for title, talk in files.items() if title.endswith(".DOG")]
    texts = {name: text for talk in talks for name, text in _queen_texts(talk)}
    for title, recorded in files.items():
        if title.endswith(".SB"):
            sound, rate_hz = soundfile.read(io.BytesIO(recorded), dtype="float32", always_2d=True)
            name = title.removesuffix(".SB")
            yield SpokenLine(f"queen/{name}", _at_rate(sound.mean(axis=1), rate_hz), texts.get(name, ""))


def _queen_texts(talk: bytes) -> Iterator[tuple[str, str]]:
    """The recordings of a conversation and what is said in them: the player's (J), then the other's (P).

    Each line is two bytes, its number, its length and its text, up to a multiple of four bytes. The recordings are
    named by the conversation, the line, the speaker, and how many commands come before.
    """
    levels, _, key, asked, answered = struct.unpack_from(">5h", talk)
    (answers,) = struct.unpack_from(">H", talk, TALK_ANSWERS)
    for who, start, count in (("J", TALK_START + abs(levels) * TALK_LEVEL, asked), ("P", answers, answered)):
        at = start
        for _ in range(count):
            number, length = struct.unpack_from(">HB", talk, at + 2)
            begins = at + 5
            at = -(-(begins + length) // 4) * 4 if length else begins
            for part, text in enumerate(COMMAND.split(talk[begins : begins + length].decode("latin-1")), start=1):
                if text.strip():
                    yield f"{key:02d}{number:04X}{who}{part:X}", " ".join(text.split())


def _sky(table: bytes, data: bytes) -> Iterator[SpokenLine]:
    """A table of numbers, places (in units of 16 bytes, where flagged) and lengths."""
    (count,) = struct.unpack_from("<I", table)
    for entry in range(count):
        number, low, middle, high, *length = struct.unpack_from("<H6B", table, 4 + 8 * entry)
        offset = low | middle << 8 | (high & 0x7F) << 16
        offset = offset << 4 if high & 0x80 else offset
        size = (length[0] | length[1] << 8 | length[2] << 16) & 0x3FFFFF
        if number in SKY_SPEECH and size > SKY_HEADER:
            recorded = data[offset + SKY_HEADER : offset + size]
            samples = np.frombuffer(unpacked(recorded) if is_packed(recorded) else recorded, np.uint8)
            yield SpokenLine(f"sky/{number}", _at_rate((samples.astype(np.float32) - 128) / 128, SKY_RATE_HZ))


def _at_rate(sound: Sound, rate_hz: int) -> Sound:
    return soxr.resample(sound, rate_hz, RATE_HZ).astype(np.float32)
