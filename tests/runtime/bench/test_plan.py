"""What is said: pauses, scripts that match them, and the order of calls."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vivavoce.audio.files import write_wav
from vivavoce.audio.level import last_voiced_ms, levels_dbfs
from vivavoce.bench import Clip, Plan, load_clips
from vivavoce.bench.clips import Word, spread_words
from vivavoce.bench.pauses import Gap, find_gap, gaps, with_pause
from vivavoce.bench.plan import Purpose
from vivavoce.bench.room import RoomNoise
from vivavoce_api import AudioChunk, ConfigurationError

MakeClip = Callable[..., Clip]


def samples(audio: AudioChunk) -> np.ndarray:
    return np.frombuffer(audio.pcm, "<i2").astype(np.float64)


def test_the_room_has_its_level_and_does_not_repeat_within_a_turn() -> None:
    noise = RoomNoise(-60, seed=1)
    taken = noise.take(16_000 * 10)
    assert 20 * np.log10(np.sqrt(np.mean(taken**2)) / 32768) == pytest.approx(-60, abs=0.5)
    assert not np.allclose(taken[:16_000], taken[16_000:32_000])
    assert np.array_equal(RoomNoise(-60, seed=1).take(100), taken[:100])
    assert not np.array_equal(RoomNoise(-60, seed=2).take(100), taken[:100])


def test_the_room_goes_on_where_it_was() -> None:
    noise, whole = RoomNoise(-60, seed=1), RoomNoise(-60, seed=1)
    pieces = np.concatenate([noise.take(7_777) for _ in range(40)])
    assert np.array_equal(pieces, whole.take(7_777 * 40))


def test_a_gap_lies_between_inner_words(make_clip: MakeClip) -> None:
    clip = make_clip(words=8)
    for seed in range(20):
        gap = find_gap(clip, seed, 300)
        assert gap is not None
        assert 2 <= gap.words_before <= 6
        ended_ms = clip.words[gap.words_before - 1].end_ms
        assert ended_ms <= gap.at_ms <= ended_ms + 50
        assert (gap.quiet_from_ms, gap.quiet_until_ms) == (ended_ms, ended_ms + 50)


def test_each_length_of_pause_tries_a_place_of_its_own(make_clip: MakeClip) -> None:
    clip = make_clip(words=12)
    assert len({find_gap(clip, 1, pause_ms) for pause_ms in range(300, 700, 20)}) == len(gaps(clip)) > 2


def test_no_pause_is_put_where_the_speaker_was_silent_for_longer(make_clip: MakeClip) -> None:
    assert find_gap(make_clip(words=8), seed=1, pause_ms=50) is not None
    assert find_gap(make_clip(words=8), seed=1, pause_ms=49) is None


def test_a_place_counts_once(make_clip: MakeClip) -> None:
    clip = make_clip(words=12)
    before = [gap.words_before for gap in gaps(clip)]
    assert len(set(before)) == len(before)


def test_a_word_that_begins_after_a_gap_is_not_said_before_it(make_clip: MakeClip) -> None:
    """Its stated end may be so near to the gap that the softest place around it is the gap."""
    clip = make_clip(words=8)
    ended_ms = clip.words[3].end_ms
    short = replace(clip, words=(*clip.words[:4], Word("oh", ended_ms + 110), *clip.words[4:]))
    assert {gap.words_before for gap in gaps(short) if gap.quiet_from_ms == ended_ms} <= {4}


def test_a_clip_of_few_words_has_no_middle(make_clip: MakeClip) -> None:
    assert find_gap(make_clip(words=3), seed=1, pause_ms=300) is None


def test_a_pause_is_as_long_as_it_says_with_what_was_silent_before(make_clip: MakeClip) -> None:
    clip = make_clip(words=6)
    gap = next(gap for gap in gaps(clip) if gap.words_before == 3)
    paused = with_pause(clip, gap, 700, seed=1)
    more_ms = 700 - gap.quiet_ms
    assert gap.quiet_ms == 50
    assert paused.audio.duration_ms == clip.audio.duration_ms + more_ms
    assert paused.voiced_until_ms == clip.voiced_until_ms + more_ms == last_voiced_ms(paused.audio)
    assert [word.end_ms for word in paused.words[:3]] == [word.end_ms for word in clip.words[:3]]
    assert [word.end_ms - more_ms for word in paused.words[3:]] == [word.end_ms for word in clip.words[3:]]
    in_pause = paused.audio.slice_ms(gap.quiet_from_ms, gap.quiet_from_ms + 700)
    assert max(levels_dbfs(in_pause)) < -80


def test_a_silence_that_is_longer_than_the_pause_stays_as_it_is(make_clip: MakeClip) -> None:
    clip = make_clip(words=6)
    paused = with_pause(clip, gaps(clip)[0], 40, seed=1)
    assert paused.audio == clip.audio
    assert paused.words == clip.words


def test_a_pause_within_sound_makes_no_click(make_clip: MakeClip) -> None:
    clip = make_clip(words=6)
    at_ms = clip.words[2].end_ms - 101.3
    in_a_word = Gap(at_ms, 3, at_ms, at_ms)
    paused = with_pause(clip, in_a_word, 500, seed=1)
    steepest = np.abs(np.diff(samples(clip.audio).astype(int))[4000:8000]).max()
    cut = round(in_a_word.at_ms * 16)
    around = samples(paused.audio)[cut - 200 : cut + 100]
    assert np.abs(np.diff(around)).max() <= steepest * 1.1


def test_the_script_counts_from_the_onset_and_knows_the_pauses(make_clip: MakeClip, tmp_path: Path) -> None:
    plan = Plan([make_clip(), make_clip(name="other.wav")], pauses_ms=(300, 1000))
    script = json.loads(plan.write_script(tmp_path / "script.json").read_text())
    assert len(script) == 6
    assert [word["end_ms"] for word in script[0][:2]] == [200, 450]
    for utterance in plan.paused:
        entry = script[utterance.script_entry]
        assert entry[-1]["end_ms"] == script[0][-1]["end_ms"] + utterance.pause_ms - 50  # that were silent before


def test_calls_say_the_scripts_entries_in_order(make_clip: MakeClip) -> None:
    plan = Plan([make_clip(name=f"{i}.wav") for i in range(5)], turns=12, pauses_ms=(300,), barge_ins=2)
    calls = plan.calls()
    whole = [call for call in calls if call.purpose is Purpose.WHOLE]
    entries = [[said.script_entry for said in call.utterances] for call in whole]
    assert entries == [[0, 1, 2], [3, 4], [0, 1, 2], [3, 4], [0, 1]]
    assert [len(call.utterances) for call in calls if call.purpose is Purpose.PAUSE] == [1] * 5
    barge_ins = [call.utterances for call in calls if call.purpose is Purpose.BARGE_IN]
    assert [second.script_entry - first.script_entry for first, second in barge_ins] == [1, 1]
    assert all(plan.gap_s[0] <= gap <= plan.gap_s[1] for call in calls for gap in call.gaps_s)
    assert plan.calls() == calls


def test_words_without_times_share_the_voice() -> None:
    words = spread_words("I saw him", 100, 800)
    assert [(word.text, word.end_ms) for word in words] == [("I", 200), ("saw", 500), ("him", 800)]


def test_a_folder_of_recordings_is_read_with_its_transcripts(make_clip: MakeClip, tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", make_clip().audio)
    write_wav(tmp_path / "b.wav", make_clip().audio)
    (tmp_path / "transcripts.tsv").write_text("file\ttranscript\na.wav\tone two three\n")
    first, second = load_clips(tmp_path)
    assert [word.text for word in first.words] == ["one", "two", "three"]
    assert len(second.words) == 6  # about as many as people say in that time
    assert first.voiced_until_ms == pytest.approx(make_clip().voiced_until_ms, abs=5)


def test_a_script_for_other_clips_and_an_empty_folder_are_refused(make_clip: MakeClip, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no recordings"):
        load_clips(tmp_path)
    write_wav(tmp_path / "a.wav", make_clip().audio)
    (tmp_path / "script.json").write_text("[[], []]")
    with pytest.raises(ConfigurationError, match="2 turns for 1 clips"):
        load_clips(tmp_path, tmp_path / "script.json")
