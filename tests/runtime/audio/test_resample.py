"""Changing rates chunk by chunk gives what changing them at once gives."""

import numpy as np
import pytest

from vivavoce.audio.files import read_audio, write_wav
from vivavoce.audio.resample import StreamResampler
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ConfigurationError


def ramp(duration_ms, sample_rate_hz):
    times = np.arange(round(duration_ms * sample_rate_hz / 1000)) / sample_rate_hz
    return AudioChunk((8000 * np.sin(2 * np.pi * 300 * times)).astype("<i2").tobytes(), sample_rate_hz)


@pytest.mark.parametrize("from_hz", [8_000, 22_050, 44_100, 48_000])
def test_no_seams(from_hz):
    sound = ramp(1000, from_hz)
    whole, pieces = StreamResampler(from_hz, 16_000), StreamResampler(from_hz, 16_000)
    at_once = whole.feed(sound).pcm + whole.flush().pcm
    in_pieces = b"".join(pieces.feed(sound.slice_ms(at, at + 20)).pcm for at in range(0, 1000, 20)) + pieces.flush().pcm
    difference = np.frombuffer(at_once, "<i2").astype(int) - np.frombuffer(in_pieces, "<i2")
    assert np.abs(difference).max() <= 3  # soxr dithers
    assert len(at_once) // 2 == pytest.approx(16_000, abs=2)


def test_the_same_rate_passes_through():
    sound = ramp(100, 16_000)
    resampler = StreamResampler(16_000, 16_000)
    assert resampler.feed(sound) == sound
    assert resampler.flush().samples == 0
    with pytest.raises(ValueError, match="8000"):
        resampler.feed(ramp(10, 8_000))


@pytest.mark.parametrize("file_hz", [8_000, 24_000, 44_100])
def test_a_wav_of_any_rate_is_read(tmp_path, file_hz):
    path = tmp_path / "sound.wav"
    write_wav(path, ramp(500, file_hz))
    assert read_audio(path).sample_rate_hz == 16_000
    assert read_audio(path).duration_ms == pytest.approx(500, abs=5)


def test_files_that_are_no_sound_say_so(tmp_path):
    path = tmp_path / "sound.wav"
    with pytest.raises(ConfigurationError, match="no such file"):
        read_audio(path)
    path.write_text("no sound at all")
    with pytest.raises(ConfigurationError, match="can't be read"):
        read_audio(path)


def test_where_nothing_can_be_written_it_is_said(tmp_path):
    with pytest.raises(ConfigurationError, match="can't be written: No such file or directory"):
        write_wav(tmp_path / "no" / "sound.wav", ramp(500, 16_000))
