"""A pause in the middle of a sentence: the recording is cut at a gap between two words, and the room is let in."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from vivavoce.audio.level import levels_dbfs, noise_dbfs, quiet_around
from vivavoce.bench.clips import Clip, Word
from vivavoce.bench.room import RoomNoise, to_chunk
from vivavoce_api import INPUT_SAMPLE_RATE_HZ

FADE_MS = 8.0
STEP_MS = 5.0
# A word's stated end and the softest place near it differ by so much.
SEARCH_MS = 80.0
# A word whose stated end comes so long after the middle of a gap has been said before it.
LATE_MS = 40.0
# What is softer than a pause for so long is a silence, and no closure within a word.
SILENCE_MS = 60.0
# Before so many words, and after so many, a pause is no pause in mid-sentence.
WORDS_AT_EDGES = 2


@dataclass(frozen=True, slots=True)
class Gap:
    """A place between two words, in ms from the recording's start, and how many words come before it.

    From `quiet_from_ms` to `quiet_until_ms` the recording is as soft as a pause by itself.
    """

    at_ms: float
    words_before: int
    quiet_from_ms: float
    quiet_until_ms: float

    @property
    def quiet_ms(self) -> float:
        """How long the silence is that the speaker left here."""
        return self.quiet_until_ms - self.quiet_from_ms


def find_gap(clip: Clip, seed: int, pause_ms: int) -> Gap | None:
    """Where to pause for so long: at the softest place near an inner word's end, drawn from the softer half of these.

    Each length is drawn anew, so that several lengths try several places, from those where the speaker was not silent
    for longer anyway. None where there is no such place, as in a clip of too few words.
    """
    places = [gap for gap in gaps(clip) if gap.quiet_ms <= pause_ms]
    if not places:
        return None
    return random.Random(f"{seed} {clip.name} {pause_ms}").choice(places)


def gaps(clip: Clip) -> list[Gap]:
    """The softer half of the places near the inner words' ends, the softest first."""
    levels = levels_dbfs(clip.audio, STEP_MS)
    last = len(clip.words) - WORDS_AT_EDGES
    places = sorted({softest(levels, word.end_ms) for word in clip.words[WORDS_AT_EDGES - 1 : last]})
    softest_after: dict[int, Gap] = {}
    for _, at_ms in places:
        gap = _gap(clip, at_ms)
        softest_after.setdefault(gap.words_before, gap)
    inner = [gap for words, gap in softest_after.items() if WORDS_AT_EDGES <= words <= last]
    return inner[: (len(inner) + 1) // 2]


def gap_after(clip: Clip, words: int) -> Gap:
    """Where the speaker falls silent after so many words: amid the longest silence, or else at the softest place."""
    end_ms = clip.words[words - 1].end_ms
    next_ms = clip.words[words].end_ms if words < len(clip.words) else clip.voiced_until_ms
    places = [_gap(clip, ms) for ms in np.arange(max(0.0, end_ms - SEARCH_MS), next_ms, SILENCE_MS - STEP_MS)]
    silent = [gap for gap in places if gap.words_before == words and gap.quiet_ms >= SILENCE_MS]
    if not silent:
        return _gap(clip, softest(levels_dbfs(clip.audio, STEP_MS), end_ms)[1])
    longest = max(silent, key=lambda gap: gap.quiet_ms)
    return replace(longest, at_ms=(longest.quiet_from_ms + longest.quiet_until_ms) / 2)


def _gap(clip: Clip, at_ms: float) -> Gap:
    quiet_from_ms, quiet_until_ms = quiet_around(clip.audio, at_ms)
    middle_ms = (quiet_from_ms + quiet_until_ms) / 2
    said = sum(word.end_ms <= middle_ms + LATE_MS for word in clip.words)
    return Gap(at_ms, said, quiet_from_ms, quiet_until_ms)


def softest(levels: list[float], near_ms: float) -> tuple[float, float]:
    """The lowest of the levels (one each 5 ms) within 80 ms of a place, and the middle of its step, in ms."""
    first = max(0, int((near_ms - SEARCH_MS) / STEP_MS))
    last = min(len(levels), int((near_ms + SEARCH_MS) / STEP_MS) + 1)
    level, index = min((levels[index], index) for index in range(first, last))
    return level, (index + 0.5) * STEP_MS


def with_pause(clip: Clip, gap: Gap, pause_ms: float, seed: int) -> Clip:
    """`clip` with silence at `gap`, `pause_ms` of it in all, that is, with as much more as the speaker left short.

    What is put in is the clip's own background noise, faded over 8 ms so that no click is heard. Words and voice after
    the gap come later by it.
    """
    more_ms = max(0.0, pause_ms - gap.quiet_ms)
    samples = np.frombuffer(clip.audio.pcm, "<i2").astype(np.float64)
    cut, length = (round(ms * INPUT_SAMPLE_RATE_HZ / 1000) for ms in (gap.at_ms, more_ms))
    words = [Word(word.text, min(word.end_ms, gap.at_ms)) for word in clip.words[: gap.words_before]]
    words += [Word(word.text, word.end_ms + more_ms) for word in clip.words[gap.words_before :]]
    return replace(
        clip,
        name=f"{clip.name} +{pause_ms:.0f} ms",
        audio=to_chunk(_parted(samples, cut, length, RoomNoise(noise_dbfs(clip.audio), seed))),
        words=tuple(words),
        voiced_until_ms=clip.voiced_until_ms + more_ms,
    )


def _parted(samples: np.ndarray, cut: int, length: int, room: RoomNoise) -> np.ndarray:
    """The samples with `length` more of the room's at `cut`, and soft edges; as they are for none."""
    if not length:
        return samples
    fade = round(FADE_MS * INPUT_SAMPLE_RATE_HZ / 1000)
    ramp = (np.arange(fade) + 0.5) / fade
    before, after = samples[:cut].copy(), samples[cut:].copy()
    noise = room.take(length + 2 * fade)
    noise[:fade] *= np.sqrt(ramp)
    noise[-fade:] *= np.sqrt(ramp[::-1])
    before[-fade:] = before[-fade:] * np.sqrt(ramp[::-1]) + noise[:fade]
    after[:fade] = after[:fade] * np.sqrt(ramp) + noise[-fade:]
    return np.concatenate([before, noise[fade:-fade], after])
