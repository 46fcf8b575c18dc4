"""Word error rate and sounds."""

import wave
from pathlib import Path

import pytest

from vivavoce_api.testing import peak, read_wav, speech_clip, word_error_rate


@pytest.mark.parametrize(
    ("reference", "hypothesis", "rate"),
    [
        ("Hello, World! It's me.", "hello world it’s me", 0),
        ("one two three four", "one too three four", 0.25),
        ("one two three four", "one three four", 0.25),
        ("one two three four", "one two and three four", 0.25),
        ("one two", "", 1),
        ("one", "two three four", 3),
        ("", "", 0),
        ("...", "word", 1),
        ("'quoted' words", "quoted words", 0),
    ],
)
def test_word_error_rate(reference: str, hypothesis: str, rate: float) -> None:
    assert word_error_rate(reference, hypothesis) == rate


def write_wav(path: Path, width: int, channels: int, content: bytes) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(8000)
        file.writeframes(content)
    return path


def test_read_wav_takes_the_first_channel(tmp_path: Path) -> None:
    chunk = read_wav(write_wav(tmp_path / "a.wav", 2, 2, b"llrrLLRR"))
    assert (chunk.pcm, chunk.sample_rate_hz) == (b"llLL", 8000)


def test_read_wav_refuses_other_encodings(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="8-bit samples"):
        read_wav(write_wav(tmp_path / "a.wav", 1, 1, b"ab"))


def test_speech_clip_is_loud_and_as_long_as_asked() -> None:
    clip = speech_clip(500, 8000)
    assert clip.duration_ms == 500
    assert 0.1 < peak(clip) < 1
