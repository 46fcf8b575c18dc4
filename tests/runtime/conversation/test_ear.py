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
    """Remembers what it was asked about; hears a voice in `voices`, or in whatever is louder than -40 dBFS."""

    def __init__(self, sure: float = 1.0, voices: list[AudioChunk] | None = None) -> None:
        self.asked: list[AudioChunk] = []
        self._sure = sure
        self._voices = voices

    async def probability(self, window: AudioChunk) -> float:
        self.asked.append(window)
        is_loud = np.abs(np.frombuffer(window.pcm, "<i2")).max() > 328
        return self._sure * (is_loud if self._voices is None else window in self._voices)

    def reset(self) -> None:
        self.asked.clear()

    async def close(self) -> None:
        """Nothing to end."""


def noise(windows: int, level_dbfs: float, seed: int = 1) -> list[AudioChunk]:
    sound = np.random.default_rng(seed).normal(size=(windows, SAMPLES)) * 32768 * 10 ** (level_dbfs / 20)
    return [AudioChunk(np.clip(window, -32768, 32767).astype("<i2").tobytes(), RATE_HZ) for window in sound]


def hear(windows: list[AudioChunk], *, in_speech: bool = False) -> tuple[list[float], Vad]:
    return follow(windows, in_speech=in_speech)[:2]


def follow(
    windows: list[AudioChunk], *, in_speech: bool, sure: float = 1.0, voices: list[AudioChunk] | None = None
) -> tuple[list[float], Vad, list[int]]:
    """What the ear said of each window, whom it asked, and how many windows it had asked about after each."""

    async def listen() -> tuple[list[float], list[int]]:
        ear, loudness = Ear(vad), Loudness()
        found, asked = [], []
        for window in windows:
            loudness.loud_until_ms(window)
            found.append(await ear.probability(window, loudness, in_speech=in_speech))
            asked.append(len(vad.asked))
        return found, asked

    vad = Vad(sure, voices)
    found, asked = asyncio.run(listen())
    return found, vad, asked


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


def test_a_sure_voice_that_goes_on_loud_is_heard_two_windows_at_a_time() -> None:
    windows = [*noise(1, -70), *noise(9, -20)]
    found, vad, asked = follow(windows, in_speech=True)
    assert found == [0.0, *[1.0] * 9]
    assert vad.asked == windows
    assert asked == [1, 2, 2, 4, 4, 6, 6, 8, 8, 10]


def test_a_voice_that_falls_off_is_heard_at_once() -> None:
    falling = AudioChunk(noise(1, -20)[0].pcm[: 3 * SAMPLES // 2] + bytes(SAMPLES // 2), RATE_HZ)
    windows = [*noise(1, -70), *noise(2, -20), falling, *noise(2, -70)]
    found, vad, asked = follow(windows, in_speech=True)
    assert found == [0.0, 1.0, 1.0, 1.0, 0.0, 0.0]
    assert vad.asked == windows
    assert asked == [1, 2, 2, 4, 5, 6]


@pytest.mark.parametrize(("sure", "in_speech"), [(0.8, True), (1.0, False)])
def test_what_may_be_no_voice_is_heard_window_by_window(sure: float, in_speech: bool) -> None:
    windows = [*noise(1, -70), *noise(5, -20)]
    assert follow(windows, in_speech=in_speech, sure=sure)[2] == [1, 2, 3, 4, 5, 6]


def test_what_was_taken_for_a_voice_and_was_none_is_so_for_one_window() -> None:
    room, voice, slam = noise(1, -70), noise(1, -20), noise(4, -21)
    found, vad, _ = follow([*room, *voice, *slam], in_speech=True, voices=voice)
    assert found == [0.0, 1.0, 1.0, 0.0, 0.0, 0.0]
    assert vad.asked == [*room, *voice, *slam]
