"""Live sound changes its rate at once: nothing waits for more of it, and nothing is lost while none comes."""

from __future__ import annotations

import numpy as np
import pytest
from vivavoce_pipecat.resampling import LiveResampler

from vivavoce_api import AudioChunk

RATES = [(8_000, 16_000), (22_050, 16_000), (24_000, 8_000), (24_000, 48_000), (44_100, 16_000), (48_000, 16_000)]


def tone(duration_ms: float, rate_hz: int, hz: float = 300) -> AudioChunk:
    times = np.arange(round(duration_ms * rate_hz / 1000)) / rate_hz
    return AudioChunk((8000 * np.sin(2 * np.pi * hz * times)).astype("<i2").tobytes(), rate_hz)


def packets(audio: AudioChunk) -> list[AudioChunk]:
    return [audio.slice_ms(at, at + 20) for at in range(0, round(audio.duration_ms), 20)]


def samples(audio: AudioChunk) -> np.ndarray:
    return np.frombuffer(audio.pcm, "<i2").astype(float)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_no_packet_waits_for_another(from_hz: int, to_hz: int) -> None:
    resampler, came_ms, given_ms = LiveResampler(to_hz), 0.0, 0.0
    for packet in packets(tone(1_000, from_hz)):
        given = resampler.feed(packet)
        assert given.sample_rate_hz == to_hz
        came_ms, given_ms = came_ms + packet.duration_ms, given_ms + given.duration_ms
        assert 0 <= came_ms - given_ms <= 16_000 / min(from_hz, to_hz) + 0.1
    assert given_ms + resampler.flush().duration_ms == pytest.approx(1_000, abs=0.2)


@pytest.mark.parametrize(("from_hz", "to_hz"), RATES)
def test_no_seams(from_hz: int, to_hz: int) -> None:
    whole, pieces = LiveResampler(to_hz), LiveResampler(to_hz)
    at_once = np.concatenate([samples(whole.feed(tone(1_000, from_hz))), samples(whole.flush())])
    parts = [*map(pieces.feed, packets(tone(1_000, from_hz))), pieces.flush()]
    assert np.abs(np.concatenate([samples(part) for part in parts]) - at_once).max() <= 1


@pytest.mark.parametrize("hz", [9_000, 15_000])
def test_what_a_lower_rate_can_not_hold_is_filtered_out(hz: float) -> None:
    resampler = LiveResampler(16_000)
    given = samples(resampler.feed(tone(1_000, 48_000, hz)))[1_600:]
    assert given.std() <= 0.01 * 8_000


def test_speech_keeps_its_level() -> None:
    resampler = LiveResampler(16_000)
    given = samples(resampler.feed(tone(1_000, 48_000, 3_000)))[1_600:]
    assert given.std() == pytest.approx(8_000 / np.sqrt(2), rel=0.01)


def test_the_same_rate_passes_through() -> None:
    resampler, sound = LiveResampler(16_000), tone(20, 16_000)
    assert resampler.feed(sound) == sound
    assert resampler.flush() == AudioChunk(b"", 16_000)


def test_another_rate_begins_a_new_stream() -> None:
    resampler = LiveResampler(16_000)
    resampler.feed(tone(20, 48_000))
    assert resampler.feed(tone(20, 16_000)) == tone(20, 16_000)
    assert 18 <= resampler.feed(tone(20, 8_000)).duration_ms <= 20
    assert resampler.feed(AudioChunk(b"", 8_000)).samples == 0
