"""Conversations in which the language model reads along: whether the words are all that the user has to say."""

import itertools
from dataclasses import replace

import pytest

from vivavoce.conversation.turn_model import STYLES
from vivavoce_api import UserTranscript

ONE_TURN = (("silence", 400), ("voice", 1000), ("silence", 6000))
VOICE_ENDS_MS = 1400


def transcripts(client):
    return [item.text for item in client.of(UserTranscript) if item.final]


def test_a_sure_turn_is_answered_within_a_fifth_of_a_second_and_a_bit(stage, audio_times):
    stage.reads_along({"hello there": 0.95})
    client = stage.play(*ONE_TURN)
    assert transcripts(client) == ["hello there"]
    # 120 ms of silence at least, judged in windows of 32 ms; the work of 30 + 25 + 74 ms ran meanwhile
    assert 120 <= audio_times(client)[0] - VOICE_ENDS_MS <= 240
    assert stage.said == [("user", "hello there"), ("assistant", "One two three four five six seven eight.")]


def test_words_that_sound_complete_are_answered_while_the_voice_fades(stage, audio_times):
    stage.stt.turns = [[("hello", 500), ("there", 800)]]
    stage.stt.partial_every_ms = 100
    stage.reads_along({"hello there": 0.95})
    client = stage.play(*ONE_TURN)
    assert len(stage.llm.asked) == 1, "the voice's last 200 ms did not end it"
    assert stage.llm.asked[0][0] < VOICE_ENDS_MS
    assert stage.tally.speculations_wasted == 0
    assert audio_times(client)[0] > VOICE_ENDS_MS + 100


def test_a_voice_that_does_not_fade_ends_what_was_begun_for_it(stage, audio_times):
    stage.stt.turns = [[("hello", 300), ("there", 1800)]]
    stage.stt.partial_every_ms = 100
    stage.llm.token_ms = 100
    stage.reads_along({"hello": 0.95})
    client = stage.play(("silence", 400), ("voice", 2000), ("silence", 3000))
    assert transcripts(client) == ["hello there"]
    begun_ms = stage.llm.asked[0][0]
    assert begun_ms < 1000
    assert stage.llm.aborted_at[0] <= begun_ms + 250 + 64


def test_words_that_are_complete_end_a_turn_that_sounded_open(stage, audio_times):
    stage.detector.probabilities = [0.05]
    slow = audio_times(stage.play(*ONE_TURN))[0]
    stage.detector.looks = 0
    reader = stage.reads_along({"hello there": 0.95})
    stage.llm.asked.clear()
    quick = audio_times(stage.play(*ONE_TURN))[0]
    assert quick < slow - 300
    assert reader.asked == ["hello there"]


def test_a_model_that_only_judges_reads_the_conversation_before_the_user_goes_on(stage):
    reader = stage.reads_along({"hello there": 0.95})
    stage.play(*ONE_TURN)
    spoken = ["Be brief.", "hello there", "One two three four five six seven eight."]
    assert reader.warmed == [["Be brief."], spoken]


def test_the_newest_words_are_read_when_the_model_is_free_again(stage):
    stage.stt.turns = [[("one", 300), ("two", 600)]]
    stage.stt.partial_every_ms = 300
    reader = stage.reads_along({})
    reader.takes_ms = 400
    stage.play(("silence", 400), ("voice", 2000), ("silence", 3000))
    assert reader.asked == ["one", "one two"]
    assert reader.asked_at[1] == pytest.approx(reader.asked_at[0] + 400, abs=1)


def test_a_voice_that_comes_back_before_its_window_is_full_is_waited_for(stage):
    stage.reads_along({"hello there": 0.95})
    stage.stt.turns = [[("hello", 500), ("there", 1000), ("again", 1600)]]
    stage.changes = {"turn": {"style": replace(STYLES["eager"], min_ms=130)}}
    # the silence is long enough at 1530 ms; the voice is back at 1500, in a window that is full with the packet of 1540
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 100), ("voice", 800), ("silence", 3000))
    assert transcripts(client) == ["hello there again"]


def test_a_voice_that_comes_back_with_a_hiss_is_waited_for(stage):
    stage.reads_along({"hello there": 0.95})
    stage.stt.turns = [[("hello", 500), ("there", 1000), ("again", 1600)]]
    stage.changes = {"turn": {"style": replace(STYLES["eager"], min_ms=130)}}
    # the silence is long enough at 1530 ms; voice activity knows the voice from 1632 on
    client = stage.play(
        ("silence", 400), ("voice", 1000), ("silence", 100), ("hiss", 100), ("voice", 800), ("silence", 3000)
    )
    assert transcripts(client) == ["hello there again"]


def test_a_noise_that_is_no_voice_holds_the_answer_up_for_160_ms_at_most(stage, make_client):
    def answered_at(*rest):
        stage.reads_along({"hello there": 0.95})
        stage.changes = {"turn": {"style": replace(STYLES["eager"], min_ms=130)}}
        client = make_client([("silence", 400), ("voice", 1000), ("silence", 100), *rest])
        stage.play(client=client)
        return client.times_final()[0]

    quiet = answered_at(("silence", 3000))
    assert quiet < answered_at(("hiss", 40), ("silence", 3000)) <= quiet + 64
    assert quiet + 100 <= answered_at(("hiss", 3000)) <= quiet + 160


def test_a_voice_that_comes_back_after_a_short_sound_is_waited_for_where_the_silence_is_long(stage):
    stage.reads_along({"hello there": 0.95})
    stage.stt.turns = [[("hello", 500), ("there", 1000), ("again", 1600)]]
    stage.changes = {"turn": {"style": replace(STYLES["eager"], min_ms=450)}}
    # the silence is long enough at 1850 ms
    client = stage.play(
        *(("silence", 400), ("voice", 1000), ("silence", 400)),
        *(("hiss", 20), ("silence", 100), ("voice", 800), ("silence", 3000)),
    )
    assert transcripts(client) == ["hello there again"]


@pytest.mark.parametrize(("min_ms", "before_ms", "most_ms"), [(260, 180, 0), (450, 360, 320)])
def test_short_sounds_without_end_hold_no_answer_up_for_long(stage, make_client, min_ms, before_ms, most_ms):
    """Soon after the voice, as where a last consonant is released, not at all but for the while of a sound."""

    def answered_at(*rest):
        stage.reads_along({"hello there": 0.95})
        stage.changes = {"turn": {"style": replace(STYLES["eager"], min_ms=min_ms)}}
        client = make_client([("silence", 400), ("voice", 1000), ("silence", before_ms), *rest])
        stage.play(client=client)
        return client.times_final()[0]

    quiet = answered_at(("silence", 3000))
    held_ms = answered_at(*(("hiss", 20), ("silence", 60)) * 30) - quiet
    assert most_ms - 32 <= held_ms <= most_ms + 32


def test_a_client_that_stops_in_a_click_is_answered_all_the_same(stage):
    stage.reads_along({"hello there": 0.95})
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 100), ("voice", 20), ("nothing", 4000))
    assert transcripts(client) == ["hello there"]


def test_a_model_that_works_on_one_thing_at_a_time_is_asked_before_it_answers(stage, make_client):
    client = make_client(ONE_TURN)
    stage.reads_along({"hello there": 0.1})
    stage.changes = {"serial_model": True}
    stage.play(client=client)
    together = stage.llm.asked[0][0]
    stage.changes = {}
    stage.llm.asked.clear()
    stage.play(client=make_client(ONE_TURN))
    assert together == pytest.approx(stage.llm.asked[0][0] + 30, abs=5)


def test_words_that_are_unlikely_to_be_the_last_are_answered_only_in_a_pause(stage, make_client):
    def asked_at(probability):
        stage.llm.asked.clear()
        stage.reads_along({"hello there": probability})
        stage.changes = {"serial_model": True}
        stage.play(client=make_client(ONE_TURN))
        return stage.llm.asked[0][0]

    assert asked_at(0.001) > asked_at(0.1)


@pytest.mark.parametrize(
    ("endings", "kept"), [([("well ", "yes."), ("well, ", "yes.")], 0), ([("well ", "yes."), ("well ", "yes?")], 1)]
)
def test_other_commas_are_no_news_another_end_is(stage, endings, kept):
    """Commas come and go with the sound so far; keeping the first ones, the model need not read the words again."""
    plain = stage.stt.transcribe

    async def restless(audio):
        wordings = itertools.chain(endings, itertools.repeat(endings[-1]))
        async for transcript in plain(audio):
            yield replace(transcript, text="".join(next(wordings)) if transcript.text else "")

    stage.stt.turns = [[("well yes", 500)]]
    stage.stt.partial_every_ms = 100
    stage.stt.transcribe = restless
    stage.reads_along({"".join(wording): 0.95 for wording in endings})
    client = stage.play(*ONE_TURN)
    assert transcripts(client) == ["".join(endings[kept])]
    assert stage.said[0] == ("user", "".join(endings[kept]))
