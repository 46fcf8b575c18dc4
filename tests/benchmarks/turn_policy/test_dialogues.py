"""Reading the spoken lines of two games, from files of a few lines that are laid out like theirs."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

HERE = Path(__file__).parents[3] / "benchmarks" / "turn_policy"


@pytest.fixture
def dialogues(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    return __import__("dialogues")


@pytest.fixture
def spoken_lines(dialogues):
    return dialogues.spoken_lines


def hum(seconds: float, rate_hz: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def conversation() -> bytes:
    """One level; the player asks something, and the answer is in two recordings, with commands before and between."""

    def line(number: int, text: bytes) -> bytes:
        said = struct.pack(">HHB", 0, number, len(text)) + text
        return said + bytes(-len(said) % 4 if text else 0)

    asked, answered = line(7, b"Who is it?"), line(9, b"") + line(1, b"It's me, *XY00(237,112)*15 ha ha.")
    level = bytes(96)
    start = 32 + len(level)
    head = struct.pack(">5h", -1, 0, 2, 1, 2) + bytes(12) + struct.pack(">H", start + len(asked)) + bytes(8)
    return b"AmBk".ljust(20, b"\0") + head + level + asked + answered


def write_queen(folder: Path) -> None:
    with io.BytesIO() as file:
        soundfile.write(file, hum(2.0, 22_050), 22_050, format="MP3")
        sound = file.getvalue()
    files = {b"020001P1.SB": sound, b"020001P3.SB": sound, b"PICTURE.ACT": sound, b"BOB.DOG": conversation()}
    table, place = b"", 15 + 21 * len(files)
    for name, data in files.items():
        table += struct.pack(">12sBII", name, 1, place, len(data))
        place += len(data)
    head = b"QTBLCEM10\0\0\0\1" + struct.pack(">H", len(files))
    (folder / "queen.1c").write_bytes(head + table + b"".join(files.values()))


def write_sky(folder: Path) -> None:
    """A line of 1.5 s at an offset in units of 16 bytes, one of 0.5 s, and files that are no speech."""
    pcm = (hum(1.5, 11_025) * 127 + 128).astype(np.uint8).tobytes()
    short = (hum(0.5, 11_025) * 127 + 128).astype(np.uint8).tobytes()
    data = bytes(32) + bytes(22) + pcm
    entries = [(50_007, 2 | 1 << 23, 22 + len(pcm)), (50_008, len(data), 22 + len(short)), (41, 0, 10), (60_031, 0, 10)]
    table = b"".join(
        struct.pack("<H", number) + offset.to_bytes(3, "little") + size.to_bytes(3, "little")
        for number, offset, size in entries
    )
    (folder / "sky.dnr").write_bytes(struct.pack("<I", len(entries)) + table)
    (folder / "sky.dsk").write_bytes(data + bytes(22) + short)


def test_lines_of_a_second_and_more_are_read(spoken_lines, tmp_path: Path) -> None:
    write_queen(tmp_path)
    write_sky(tmp_path)
    lines = {line.name: line.sound for line in spoken_lines(tmp_path)}
    assert lines.keys() == {"queen/020001P1", "queen/020001P3", "sky/50007"}
    assert len(lines["sky/50007"]) == pytest.approx(1.5 * 16_000, rel=0.01)
    for sound in lines.values():
        loud = np.abs(np.fft.rfft(sound[:16_000]))
        assert loud.argmax() == pytest.approx(200, abs=2)


def test_a_folder_without_the_games_is_refused(spoken_lines, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no queen\.1c: unpack both games there"):
        list(spoken_lines(tmp_path))


def test_what_is_said_is_known_of_conversations(spoken_lines, tmp_path: Path) -> None:
    write_queen(tmp_path)
    write_sky(tmp_path)
    texts = {line.name: line.text for line in spoken_lines(tmp_path)}
    assert texts == {"queen/020001P1": "It's me,", "queen/020001P3": "ha ha.", "sky/50007": ""}


def test_packed_lines_are_unpacked(dialogues, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What packing does is tested in `test_rnc.py`."""
    pcm = (hum(1.5, 11_025) * 127 + 128).astype(np.uint8).tobytes()
    packed = b"RNC\x01 and so on"
    monkeypatch.setattr(dialogues, "unpacked", {packed: pcm}.__getitem__)
    write_queen(tmp_path)
    size = (22 + len(packed)).to_bytes(3, "little")
    (tmp_path / "sky.dnr").write_bytes(struct.pack("<IH", 1, 50_007) + bytes(3) + size)
    (tmp_path / "sky.dsk").write_bytes(bytes(22) + packed)
    (line,) = [line for line in dialogues.spoken_lines(tmp_path) if line.name == "sky/50007"]
    assert len(line.sound) == pytest.approx(1.5 * 16_000, rel=0.01)
    assert np.abs(np.fft.rfft(line.sound[:16_000])).argmax() == pytest.approx(200, abs=2)
