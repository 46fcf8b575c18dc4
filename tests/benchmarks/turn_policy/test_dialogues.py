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
def spoken_lines(monkeypatch):
    monkeypatch.setattr(sys, "path", [str(HERE), *sys.path])
    return __import__("dialogues").spoken_lines


def hum(seconds: float, rate_hz: int) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * 200 * np.arange(round(seconds * rate_hz)) / rate_hz)).astype(np.float32)


def write_queen(folder: Path) -> None:
    with io.BytesIO() as file:
        soundfile.write(file, hum(2.0, 22_050), 22_050, format="MP3")
        sound = file.getvalue()
    names = (b"020001P2.SB", b"PICTURE.ACT")
    start = 15 + 21 * len(names)
    table = b"".join(struct.pack(">12sBII", name, 1, start, len(sound)) for name in names)
    (folder / "queen.1c").write_bytes(b"QTBLCEM10\0\0\0\1"[:13] + struct.pack(">H", len(names)) + table + sound)


def write_sky(folder: Path) -> None:
    """A line of 1.5 s at an offset in units of 16 bytes, one of 0.5 s, and a file that is no speech."""
    pcm = (hum(1.5, 11_025) * 127 + 128).astype(np.uint8).tobytes()
    short = (hum(0.5, 11_025) * 127 + 128).astype(np.uint8).tobytes()
    data = bytes(32) + bytes(22) + pcm
    entries = [(50_007, 2 | 1 << 23, 22 + len(pcm)), (50_008, len(data), 22 + len(short)), (41, 0, 10)]
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
    assert lines.keys() == {"queen/020001P2", "sky/50007"}
    assert len(lines["sky/50007"]) == pytest.approx(1.5 * 16_000, rel=0.01)
    for sound in lines.values():
        loud = np.abs(np.fft.rfft(sound[:16_000]))
        assert loud.argmax() == pytest.approx(200, abs=2)


def test_a_folder_without_the_games_is_refused(spoken_lines, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"holds no queen\.1c: unpack both games there"):
        list(spoken_lines(tmp_path))
