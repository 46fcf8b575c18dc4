"""The ear: voice activity is asked about what could be a voice, and no quiet room costs a pass."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from vivavoce.conversation.ear import AFTER_WINDOWS, BEFORE_WINDOWS, Ear
from vivavoce.conversation.loudness import Loudness
from vivavoce_api import AudioChunk

SAMPLES, RATE_HZ = 512, 16_000


class Vad:
    """Remembers what it was asked about; hears a voice in whatever is louder than -40 dBFS."""

    def __init__(self) -> None:
        self.asked: list[AudioChunk] = []

    async def probability(self, window: AudioChunk) -> float:
        self.asked.append(window)
        return float(np.abs(np.frombuffer(window.pcm, "<i2")).max() > 328)

    def reset(self) -> None:
        self.asked.clear()

    async def close(self) -> None:
        """Nothing to end."""


def noise(windows: int, level_dbfs: float, seed: int = 1) -> list[AudioChunk]:
    sound = np.random.default_rng(seed).normal(size=(windows, SAMPLES)) * 32768 * 10 ** (level_dbfs / 20)
    return [AudioChunk(np.clip(window, -32768, 32767).astype("<i2").tobytes(), RATE_HZ) for window in sound]


def hear(windows: list[AudioChunk], *, in_speech: bool = False) -> tuple[list[float], Vad]:
    async def listen() -> list[float]:
        ear, loudness = Ear(vad), Loudness()
        found = []
        for window in windows:
            loudness.loud_until_ms(window)
            found.append(await ear.probability(window, loudness.loudest, in_speech=in_speech))
        return found

    vad = Vad()
    return asyncio.run(listen()), vad


@pytest.mark.parametrize("level_dbfs", [-60, -75])
def test_a_quiet_room_costs_no_passes_once_it_is_known_to_be_one(level_dbfs: float) -> None:
    found, vad = hear(noise(100, level_dbfs))
    assert len(vad.asked) <= AFTER_WINDOWS + 2
    assert found == [0.0] * 100


def test_digital_silence_costs_no_passes() -> None:
    _, vad = hear([AudioChunk(bytes(2 * SAMPLES), RATE_HZ)] * 100)
    assert len(vad.asked) <= AFTER_WINDOWS + 2


def test_a_voice_is_heard_at_once_and_out_of_the_silence_before_it() -> None:
    room, voice = noise(60, -65), noise(3, -20, seed=2)
    found, vad = hear([*room, *voice])
    assert found[60:] == [1.0] * 3
    assert vad.asked[-3 - BEFORE_WINDOWS :] == [*room[-BEFORE_WINDOWS:], *voice]


def test_a_voice_below_the_level_of_quiet_rooms_stands_out_of_a_quieter_one() -> None:
    room, voice = noise(60, -80), noise(3, -62, seed=2)
    _, vad = hear([*room, *voice])
    assert vad.asked[-3:] == voice


def test_a_loud_room_is_listened_to_without_a_break() -> None:
    windows = noise(60, -45)
    assert hear(windows)[1].asked == windows


def test_while_the_user_speaks_every_window_counts() -> None:
    windows = noise(60, -75)
    assert hear(windows, in_speech=True)[1].asked == windows


def test_after_a_voice_the_ear_stays_open_for_a_while() -> None:
    windows = [*noise(1, -20), *noise(40, -70)]
    _, vad = hear(windows)
    assert vad.asked == windows[: 1 + AFTER_WINDOWS]
