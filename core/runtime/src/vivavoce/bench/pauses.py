"""A pause in the middle of a sentence: the recording is cut at a gap between two words, and the room is let in."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.audio.level import levels_dbfs, noise_dbfs
from vivavoce.bench.clips import Clip, Word
from vivavoce.bench.room import RoomNoise, to_chunk
from vivavoce_api import INPUT_SAMPLE_RATE_HZ

FADE_MS = 8.0
STEP_MS = 5.0
# A word's stated end and the softest place near it differ by so much.
SEARCH_MS = 80.0
# Before so many words, and after so many, a pause is no pause in mid-sentence.
WORDS_AT_EDGES = 2


@dataclass(frozen=True, slots=True)
class Gap:
    """A place between two words, in ms from the recording's start, and how many words come before it."""

    at_ms: float
    words_before: int


def find_gap(clip: Clip, seed: int) -> Gap | None:
    """Where to cut: the softest place near the end of one of the inner words, drawn from the softer half of them.

    None for a clip of too few words.
    """
    levels = levels_dbfs(clip.audio, STEP_MS)
    inner = range(WORDS_AT_EDGES, len(clip.words) - WORDS_AT_EDGES + 1)
    gaps = sorted((*softest(levels, clip.words[before - 1].end_ms), before) for before in inner)
    softer_half = gaps[: (len(gaps) + 1) // 2]
    if not softer_half:
        return None
    _, at_ms, before = random.Random(f"{seed} {clip.name}").choice(softer_half)
    return Gap(at_ms, before)


def softest(levels: list[float], near_ms: float) -> tuple[float, float]:
    """The lowest of the levels (one each 5 ms) within 80 ms of a place, and the middle of its step, in ms."""
    first = max(0, int((near_ms - SEARCH_MS) / STEP_MS))
    last = min(len(levels), int((near_ms + SEARCH_MS) / STEP_MS) + 1)
    level, index = min((levels[index], index) for index in range(first, last))
    return level, (index + 0.5) * STEP_MS


def with_pause(clip: Clip, gap: Gap, pause_ms: float, seed: int) -> Clip:
    """`clip` with `pause_ms` of its own background noise at `gap`, faded over 8 ms so that no click is heard.

    Words and voice after the gap come later by the pause.
    """
    samples = np.frombuffer(clip.audio.pcm, "<i2").astype(np.float64)
    cut, length = (round(ms * INPUT_SAMPLE_RATE_HZ / 1000) for ms in (gap.at_ms, pause_ms))
    fade = round(FADE_MS * INPUT_SAMPLE_RATE_HZ / 1000)
    ramp = (np.arange(fade) + 0.5) / fade
    before, after = samples[:cut].copy(), samples[cut:].copy()
    noise = RoomNoise(noise_dbfs(clip.audio), seed).take(length + 2 * fade)
    noise[:fade] *= np.sqrt(ramp)
    noise[-fade:] *= np.sqrt(ramp[::-1])
    before[-fade:] = before[-fade:] * np.sqrt(ramp[::-1]) + noise[:fade]
    after[:fade] = after[:fade] * np.sqrt(ramp) + noise[-fade:]
    words = [Word(word.text, min(word.end_ms, gap.at_ms)) for word in clip.words[: gap.words_before]]
    words += [Word(word.text, word.end_ms + pause_ms) for word in clip.words[gap.words_before :]]
    return replace(
        clip,
        name=f"{clip.name} +{pause_ms:.0f} ms",
        audio=to_chunk(np.concatenate([before, noise[fade:-fade], after])),
        words=tuple(words),
        voiced_until_ms=clip.voiced_until_ms + pause_ms,
    )
