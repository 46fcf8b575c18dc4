"""Conversations in which speech-to-text says how likely the turn is over with its words."""

import asyncio

import pytest

from vivavoce.conversation.judge import Judge
from vivavoce.conversation.turn_model import STYLES
from vivavoce_api import Transcript, UserTranscript

ONE_TURN = (("silence", 400), ("voice", 1000), ("silence", 6000))
VOICE_ENDS_MS = 1400


@pytest.fixture
def answered(stage):
    """How long after the voice the turn is over, where the transcriber finds this."""

    def play(*end_of_turn, script=ONE_TURN):
        stage.stt.end_of_turn = end_of_turn
        stage.stt.utterances = 0
        return stage.play(*script).times_final()[0] - VOICE_ENDS_MS

    return play


@pytest.mark.parametrize("has_detector", [True, False])
@pytest.mark.parametrize("reads_along", [True, False])
def test_the_surer_it_is_the_sooner_the_turn_is_over(stage, answered, has_detector, reads_along):
    if not has_detector:
        stage.detector = None
    if reads_along:
        stage.reads_along({"hello there": 0.5})
    sure, unsure = answered(0.99), answered(0.05)
    assert sure <= 400
    assert unsure >= sure + 200


def waits_ms(*opinions):
    """For how long a balanced agent waits that was told these: words, the silence that they cover, how likely it is."""

    async def told():
        judge = Judge(STYLES["balanced"], None, None, None, (), asyncio.Event())
        async with asyncio.TaskGroup() as group:
            for text, silence_ms, end_of_turn in opinions:
                judge.read(group, Transcript(text, 1400, end_of_turn=end_of_turn), silence_ms)
        return judge.wait_ms

    return asyncio.run(told())


@pytest.mark.parametrize(
    ("opinions", "counts"),
    [
        ([("Hello.", 28, 0.1), ("hello", 92, 0.98)], 0.98),
        ([("Hello.", 28, 0.1), ("hello", 124, 0.98)], 0.1),
        ([("Hello.", 28, 0.1), ("Hello there.", 400, 0.98)], 0.98),
        ([("Hello.", 28, None), ("hello", 400, 0.98)], 0.98),
        ([("Hello.", 28, 0.1), ("hello", None, 0.98)], 0.1),
    ],
    ids=["a newer one", "one of a long silence", "other words", "the first", "the voice goes on"],
)
def test_the_newest_opinion_of_a_short_silence_counts(opinions, counts):
    sure, unsure = (waits_ms(("Hello.", 28, likely)) for likely in (0.98, 0.1))
    assert sure < unsure
    assert waits_ms(*opinions) == (sure if counts == 0.98 else unsure)


def test_an_opinion_of_a_silence_that_is_over_counts_no_more(stage):
    stage.detector = None
    stage.stt.turns = [[("hello", 500), ("there", 1000), ("again", 1600)]]
    stage.stt.pass_ms = 100  # one pass a silence
    stage.stt.end_of_turn = (0.05, 0.98)
    twice = (("silence", 400), ("voice", 1000), ("silence", 250), ("voice", 600), ("silence", 3000))
    client = stage.play(*twice)
    assert [item.text for item in client.of(UserTranscript) if item.final] == ["hello there again"]
    assert client.times_final()[0] - 2250 <= 400


@pytest.mark.parametrize("reads_along", [True, False])
def test_a_detector_has_nothing_to_add_and_is_not_asked(stage, answered, reads_along):
    if reads_along:
        stage.reads_along({"hello there": 0.3})
    stage.stt.partial_every_ms = 300
    answered(0.4, 0.4, 0.4, 0.4)
    assert stage.detector.looks == 0
    answered(None)
    assert stage.detector.looks == 1


def test_a_detector_is_not_asked_while_an_opinion_is_on_its_way(stage, answered):
    stage.stt.partial_every_ms, stage.stt.pass_ms = 300, 290
    answered(0.4, 0.4, 0.4, 0.98)
    assert stage.detector.looks == 0, "the transcript comes later than it would have been asked"
    stage.stt.partial_every_ms = 10_000
    answered(0.98)
    assert stage.detector.looks == 1, "nothing told that an opinion would come"


def test_a_detector_is_asked_where_the_opinion_stayed_away(stage, answered):
    stage.stt.partial_every_ms = 300
    answered(0.4, 0.4, 0.4, None)
    assert stage.detector.looks == 1
