"""The small parts of the session core, each by itself."""

from __future__ import annotations

import pytest

from vivavoce.conversation.heard import heard_text
from vivavoce.conversation.history import History
from vivavoce.conversation.loudness import Loudness
from vivavoce.conversation.sound_clock import SoundClock
from vivavoce.conversation.voice import Voice, VoiceTracker
from vivavoce.conversation.words import is_backchannel, same_words
from vivavoce_api import AudioChunk, Message, SpokenSpan, ToolCall


def test_speech_starts_with_two_voiced_windows_and_bends_at_the_edge():
    tracker = VoiceTracker(32)
    seen = [tracker.push(p, 32) for p in (0.1, 0.9, 0.2, 0.9, 0.9, 0.4, 0.2, 0.2)]
    assert seen == [
        Voice.SILENT, Voice.SILENT, Voice.SILENT, Voice.SILENT, Voice.STARTED, Voice.VOICED, Voice.PAUSED, Voice.PAUSED
    ]  # fmt: skip
    assert tracker.push(0.45, 32) is Voice.VOICED
    tracker.reset()
    assert tracker.push(0.45, 32) is Voice.SILENT


def test_the_level_ends_a_voice_before_the_model_does_but_not_for_long():
    tracker = VoiceTracker(32)
    seen = [tracker.push(0.9, loud) for loud in (32, 32, 16, 0, 0, 0, 0)]
    assert seen[2:] == [Voice.VOICED, Voice.PAUSED, Voice.PAUSED, Voice.PAUSED, Voice.VOICED]


def test_loudness_finds_the_end_of_a_sound_within_a_window():
    loudness = Loudness()
    quiet, loud = b"\x05\x00", b"\x00\x20"
    assert loudness.loud_until_ms(AudioChunk(quiet * 512, 16_000)) == 0
    assert loudness.loud_until_ms(AudioChunk(loud * 512, 16_000)) == 32
    assert loudness.loud_until_ms(AudioChunk(loud * 256 + quiet * 256, 16_000)) == 16
    assert loudness.loud_until_ms(AudioChunk(quiet * 512, 16_000)) == 0


def test_a_voice_may_come_back_in_sound_that_has_not_been_loud_for_long():
    loudness = Loudness()
    quiet, loud, nothing = (AudioChunk(sample * 512, 16_000) for sample in (b"\x05\x00", b"\x00\x20", b""))
    loudness.loud_until_ms(quiet)
    assert loudness.begins_in(loud, 200)
    assert not loudness.begins_in(quiet, 200)
    assert not loudness.begins_in(nothing, 200)
    for _ in range(4):
        loudness.loud_until_ms(loud)
        assert loudness.begins_in(loud, 200)
        assert loudness.begins_in(nothing, 200), "it was loud to the window's end"
        assert not loudness.begins_in(quiet, 200), "that was all"
    loudness.loud_until_ms(loud)
    assert not loudness.begins_in(loud, 200), "the model knows it by now, and this is no voice"
    loudness.loud_until_ms(AudioChunk(quiet.pcm[:768] + loud.pcm[:256], 16_000))
    assert loudness.begins_in(loud, 200), "of 8 ms at its end no window tells anything"


@pytest.mark.parametrize(
    ("burst_ms", "silence_ms", "windows"),
    [(16, 400, 6), (8, 400, 0), (16, 300, 0), (152, 600, 6), (160, 600, 0)],
)
def test_a_short_sound_in_a_long_silence_may_begin_a_voice_for_200_ms(burst_ms, silence_ms, windows):
    """`silence_ms` lie between the voice and the end of the window of silence in which the sound ended."""
    loudness = Loudness()
    quiet, loud = b"\x05\x00", b"\x00\x20"
    sound = quiet * 512 + loud * burst_ms * 16 + quiet * (640 - burst_ms * 16 % 512 - 128)
    for start in range(0, len(sound), 1024):
        loudness.loud_until_ms(AudioChunk(sound[start : start + 1024], 16_000))
    rest, held = AudioChunk(b"", 16_000), 0
    while loudness.begins_in(rest, silence_ms + 32 * held):
        held += 1
        loudness.loud_until_ms(AudioChunk(quiet * 512, 16_000))
    assert held == windows


def test_the_arrival_that_was_held_up_least_tells_how_far_the_sound_has_come():
    clock = SoundClock(32, 100.0)
    for held_up_ms in (12, 0, 16):  # the second window was full with its packet
        clock.arrived(32, 100.0 + (clock.arrived_ms + 32 + held_up_ms) / 1000)
    now = 100.0 + 0.112
    assert clock.arrived_ms == 96
    assert clock.ahead_ms(now) == pytest.approx(16)
    assert clock.at(50) == pytest.approx(100.050)
    assert clock.counts_on_for_ms(now) == pytest.approx(32 + 20 - 16)
    assert clock.ahead_ms(now + 5) == 32 + 20, "then it waits for more"
    assert clock.overdue_ms(now + 5) == pytest.approx(5000)


WORDS = [SpokenSpan("One", 0, 300), SpokenSpan("two", 300, 600), SpokenSpan("three.", 600, 900)]


@pytest.mark.parametrize(
    ("played_ms", "heard"),
    [(0, ""), (100, ""), (200, "One"), (600, "One two"), (620, "One two"), (2000, "One two three.")],
)
def test_words_with_times_are_exact(played_ms, heard):
    assert heard_text("One two three.", WORDS, played_ms) == heard


def test_within_a_clause_words_count_in_proportion():
    spans = [SpokenSpan("Good morning,", 0, 800), SpokenSpan("how did you sleep?", 900, 2100)]
    assert heard_text("", spans, 1500) == "Good morning, how did"


def test_without_times_the_pace_of_speech_decides():
    assert heard_text("one two three four", [], 65 * 8) == "one two"


def test_history_joins_what_one_person_said_in_a_row():
    history = History("Be kind.", 10)
    history.add(Message("user", "my dog"), Message("assistant", ""), Message("user", "is ill"))
    assert [m.content for m in history.messages(Message("user", "today"))] == ["Be kind.", "my dog is ill today"]


def test_history_drops_the_oldest_and_no_torn_tool_call():
    history = History("Be kind.", 3)
    call = ToolCall("1", "clock", "{}")
    history.add(Message("user", "time?"), Message("assistant", "", (call,)), Message("tool", "noon", tool_call_id="1"))
    history.add(Message("assistant", "Noon."), Message("user", "thanks"))
    assert [m.role for m in history.messages()] == ["system", "assistant", "user"]


def test_history_drops_many_at_once_so_that_what_stays_is_read_anew_but_seldom():
    history = History("Be kind.", 8)
    firsts = []
    for n in range(40):
        history.add(Message("user" if n % 2 == 0 else "assistant", str(n)))
        firsts.append(history.messages()[1].content)
        assert len(history.messages()) <= 9
    assert firsts[-1] != "0"
    assert len(set(firsts)) <= 40 / 3 + 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Mhm.", True), ("yeah, yeah", True), ("I see, yeah", True), ("yeah but", False), ("", False), ("yeahs", False)],
)
def test_backchannels(text, expected):
    assert is_backchannel(text, ["mhm", "yeah", "I see"]) is expected


def test_same_words_in_other_dress():
    assert same_words("It's over, Tom.", "it’s over tom")
    assert not same_words("It is over", "It was over")
