"""The two ends of the clock: the last voiced sample, and the first that can be heard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio.files import read_audio
from vivavoce.audio.level import first_audible_ms, first_voiced_ms, last_voiced_ms, quiet_around
from vivavoce.bench.ear import Ear
from vivavoce.bench.room import RoomNoise, to_chunk
from vivavoce_api import AudioChunk

SPEECH = Path(__file__).parents[2] / "data/speech"
Tone = Callable[..., AudioChunk]


def in_a_noisy_recording(tone: AudioChunk, noise_dbfs: float) -> AudioChunk:
    """300 ms of noise, the tone in it, 500 ms of noise."""
    noise = RoomNoise(noise_dbfs, seed=3).take(4800 + tone.samples + 8000)
    noise[4800 : 4800 + tone.samples] += np.frombuffer(tone.pcm, "<i2")
    return to_chunk(noise)


@pytest.mark.parametrize("noise_dbfs", [-90, -65, -50])
def test_voice_ends_where_it_ends_whatever_the_recordings_noise(tone: Tone, noise_dbfs: float) -> None:
    audio = in_a_noisy_recording(tone(400, peak=3000), noise_dbfs)
    assert last_voiced_ms(audio) == pytest.approx(700, abs=5)
    assert first_voiced_ms(audio) == pytest.approx(300, abs=5)


def test_a_click_after_the_voice_is_no_voice(tone: Tone) -> None:
    samples = np.frombuffer(in_a_noisy_recording(tone(400), -70).pcm, "<i2").copy()
    samples[-1600:-1560] = 12_000
    assert last_voiced_ms(AudioChunk(samples.tobytes(), 16_000)) == pytest.approx(700, abs=5)


def test_a_click_in_a_gap_ends_no_silence(tone: Tone) -> None:
    words = [np.frombuffer(in_a_noisy_recording(tone(400), -70).pcm, "<i2") for _ in range(2)]
    samples = np.concatenate(words)  # voice to 700 ms, and from 1500
    samples[16_000:16_080] = 12_000
    audio = AudioChunk(samples.tobytes(), 16_000)
    for at_ms in (720, 1002, 1400):
        assert quiet_around(audio, at_ms) == (pytest.approx(700, abs=5), pytest.approx(1500, abs=5))
    assert quiet_around(audio, 650) == (650, 650)


def test_silence_has_no_voice_and_nothing_audible() -> None:
    silence = RoomNoise(-70, seed=1).silence(500)
    assert last_voiced_ms(silence) == first_voiced_ms(silence) == 0
    assert first_audible_ms(silence) is None


def test_a_noisy_end_of_a_real_recording_is_not_taken_for_voice() -> None:
    """Its noise lies but 35 dB below the voice: by the peak alone the clock would start 135 ms late."""
    assert last_voiced_ms(read_audio(SPEECH / "common_voice_en_10933823.wav")) == pytest.approx(7535, abs=15)


def test_the_first_audible_sample_is_found_from_any_place(tone: Tone) -> None:
    audio = AudioChunk(AudioChunk.silence(30, 16_000).pcm + tone(50).pcm, 16_000)
    assert first_audible_ms(audio) == 30
    assert first_audible_ms(audio, 60) == pytest.approx(60, abs=2)
    assert first_audible_ms(audio, 90) is None


def test_sound_is_heard_when_what_came_before_has_been_played(tone: Tone) -> None:
    ear = Ear()
    ear.hear(10.0, 1, AudioChunk.silence(200, 24_000))
    ear.hear(10.01, 1, tone(100, sample_rate_hz=24_000))
    assert ear.first_audible_s(0) == pytest.approx(10.2)
    assert ear.until_s == pytest.approx(10.3)


def test_sound_that_comes_late_is_heard_when_it_comes(tone: Tone) -> None:
    ear = Ear()
    ear.hear(10.0, 1, AudioChunk.silence(20, 24_000))
    ear.hear(10.5, 1, tone(20, sample_rate_hz=24_000))
    assert ear.first_audible_s(0) == pytest.approx(10.5)


def test_what_an_interruption_drops_is_not_heard(tone: Tone) -> None:
    ear = Ear()
    for _ in range(3):
        ear.hear(10.0, 1, tone(100))
    ear.drop(10.15, 1)
    ear.hear(10.4, 2, tone(100))
    assert ear.first_audible_s(10.16) == pytest.approx(10.4)
    assert [round(sound.end_s, 3) for sound in ear.played] == [10.1, 10.15, 10.5]
