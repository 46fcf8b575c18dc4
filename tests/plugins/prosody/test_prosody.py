"""Prosody: real sentences and their beginnings, and what a voice's pitch and loudness become."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
from vivavoce_prosody.detector import ProsodyEngine
from vivavoce_prosody.features import BANDS, CHANNELS, FRAMES, LAGS, SAMPLES, features
from vivavoce_prosody.network import Network

from vivavoce.bench import load_clips
from vivavoce_api import AudioChunk, EngineError, SessionContext

DATA = Path(__file__).parents[2] / "data" / "speech"
SCRIPT = Path(__file__).parents[3] / "agents" / "simulated.json"
SHOWN_MS = 60


def judged(*turns: AudioChunk) -> list[float]:
    async def listen() -> list[float]:
        engine = ProsodyEngine()
        try:
            session = await engine.open_session(SessionContext("s"))
            return [await session.probability(turn) for turn in turns]
        finally:
            await engine.close()

    return asyncio.run(listen())


def heard(speech: AudioChunk, until_ms: float) -> AudioChunk:
    """Speech up to a moment, and a little of the room."""
    noise = np.random.default_rng(1).normal(0, 30, 16 * SHOWN_MS).astype("<i2").tobytes()
    return AudioChunk(speech.slice_ms(0, until_ms).pcm + noise, 16_000)


def test_whole_sentences_sound_finished_more_often_than_their_beginnings() -> None:
    """Six people's; chance would be a half. The words don't help it: half of the cuts follow a whole clause."""
    clips = load_clips(DATA, SCRIPT)
    whole = judged(*(heard(clip.audio, clip.voiced_until_ms) for clip in clips))
    cut = judged(*(heard(clip.audio, word.end_ms) for clip in clips for word in clip.words[:-1]))
    assert np.mean([end > mid for end in whole for mid in cut]) > 0.7


def test_only_the_last_two_seconds_count() -> None:
    sound = load_clips(DATA, SCRIPT)[0].audio
    assert judged(sound) == judged(sound.slice_ms(sound.duration_ms - 2_100))


def test_another_rate_is_refused() -> None:
    with pytest.raises(EngineError, match="16000 Hz, got 8000"):
        judged(AudioChunk.silence(1_000, 8_000))


@pytest.mark.parametrize("hz", [90.0, 180.0, 320.0])
def test_the_pitch_is_a_ridge_at_its_lag(hz: float) -> None:
    t = np.arange(SAMPLES) / 16_000
    voice = sum(np.sin(2 * np.pi * hz * n * t) / n for n in range(1, 6)).astype(np.float32) / 4
    pitch = features(voice)[BANDS:, FRAMES // 2]
    lags_hz = np.exp(np.linspace(np.log(450), np.log(65), LAGS))
    nearest = np.abs(np.log(lags_hz / hz)).argmin()
    assert pitch[nearest] > 0.9
    assert pitch[np.abs(np.log(lags_hz / (1.5 * hz))).argmin()] < 0.7, "no ridge at another pitch"


def test_how_loud_it_is_tells_nothing() -> None:
    voice = load_clips(DATA, SCRIPT)[0].audio
    samples = np.frombuffer(voice.pcm, "<i2").astype(np.float32) / 32_768
    np.testing.assert_allclose(features(samples)[BANDS:], features(samples / 2)[BANDS:], atol=0.02)
    assert np.abs(features(samples)[:BANDS] - features(samples / 2)[:BANDS]).mean() < 0.01


def test_features_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="shape"):
        Network.read().log_odds(np.zeros((CHANNELS, FRAMES + 1), np.float32))
