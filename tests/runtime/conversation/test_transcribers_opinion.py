"""Conversations in which speech-to-text says how likely the turn is over with its words."""

import asyncio

import pytest

from vivavoce.conversation.judge import Judge
from vivavoce.conversation.turn_model import STYLES
from vivavoce_api import Transcript, TurnDetectorCapabilities, TurnFit, TurnFits, UserTranscript

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
    sure, unsure = answered(0.95), answered(0.05)
    assert sure <= 400
    assert unsure >= sure + 200


def test_its_first_opinion_of_the_words_in_a_silence_stands(answered):
    assert answered(0.9, 0.99, 0.99) == answered(0.9, 0.1, 0.1)


def test_other_words_bring_another_opinion():
    async def heard(*transcripts):
        judge = Judge(STYLES["eager"], None, None, None, (), asyncio.Event())
        async with asyncio.TaskGroup() as group:
            for text, end_of_turn in transcripts:
                judge.read(group, Transcript(text, 1400, end_of_turn=end_of_turn), covers_all=True)
        return judge.wait_ms

    first, same, other = (
        asyncio.run(heard(("Hello.", 0.1), *more)) for more in ((), [("hello", 0.95)], [("Hello there.", 0.95)])
    )
    assert first == same > other


def test_an_opinion_of_a_silence_that_is_over_counts_no_more(stage):
    stage.detector = None
    stage.stt.turns = [[("hello", 500), ("there", 1000), ("again", 1600)]]
    stage.stt.pass_ms = 100  # one pass a silence
    stage.stt.end_of_turn = (0.05, 0.98)
    twice = (("silence", 400), ("voice", 1000), ("silence", 250), ("voice", 600), ("silence", 3000))
    client = stage.play(*twice)
    assert [item.text for item in client.of(UserTranscript) if item.final] == ["hello there again"]
    assert client.times_final()[0] - 2250 <= 400


def test_a_detector_that_has_nothing_to_add_is_not_asked(stage, answered):
    answered(0.9)
    assert stage.detector.looks == 0
    stage.reads_along({"hello there": 0.3})
    answered(0.4)
    assert stage.detector.looks == 1


def test_a_detector_is_not_asked_while_an_opinion_is_on_its_way(stage, answered):
    stage.stt.partial_every_ms, stage.stt.pass_ms = 300, 290
    answered(0.4, 0.4, 0.4, 0.9)
    assert stage.detector.looks == 0, "the transcript comes later than it would have been asked"
    stage.stt.partial_every_ms = 10_000
    answered(0.9)
    assert stage.detector.looks == 1, "nothing told that an opinion would come"


def test_a_detector_is_asked_where_the_opinion_stayed_away(stage, answered):
    stage.stt.partial_every_ms = 300
    answered(0.4, 0.4, 0.4, None)
    assert stage.detector.looks == 1


def test_a_detector_with_other_fits_is_asked_and_heeded(stage, answered):
    unheard = TurnFit(0.0, 1.0, 0.0, eager=2.0, balanced=2.0, patient=2.0)
    heard = TurnFit(0.0, 1.0, 0.0, eager=2.0, balanced=2.0, patient=2.0, transcriber=1.0)
    waits = []
    for fits in (TurnFits(unheard, unheard), TurnFits(unheard, unheard, heard, heard)):
        stage.detector.probabilities, stage.detector.looks = [0.6], 0
        stage.detector_wants = TurnDetectorCapabilities(16_000, 8_000, ask_after_ms=90, fits=fits)
        waits.append(answered(0.8))
        assert stage.detector.looks == 1
    assert waits[1] < waits[0] - 100
