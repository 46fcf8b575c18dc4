"""Engines that fail, hang or raise in a conversation: each costs one turn, and the user is told."""

import pytest

from vivavoce_api import EngineError, EngineUnavailableError, ErrorNotice, ReplyEnded, UserTranscript

ONE_TURN = (("silence", 400), ("voice", 1000), ("silence", 6000))
TWO_TURNS = (("silence", 400), ("voice", 1000), ("silence", 5000), ("voice", 1000), ("silence", 5000))


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (EngineUnavailableError("the model server at http://x does not answer"), "does not answer"),
        (ValueError("secret internals"), "please try again"),
    ],
)
def test_a_language_model_that_fails_costs_one_turn(stage, error, words):
    stage.llm.replies = [[error], "All good."]
    client = stage.play(*TWO_TURNS)
    (notice,) = client.of(ErrorNotice)
    assert words in notice.message
    assert "secret" not in notice.message
    assert [role for role, _ in stage.said] == ["user", "assistant"]  # both turns' words, then the answer
    assert stage.said[-1] == ("assistant", "All good.")


def test_a_language_model_that_dies_in_mid_sentence_keeps_what_was_said(stage):
    stage.llm.replies = [["Well", "then", EngineError("the model server went away")], "All good."]
    client = stage.play(*TWO_TURNS)
    assert [item.message for item in client.of(ErrorNotice)] == ["the model server went away"]
    assert client.of(ReplyEnded)[0].heard == "Well then"


def test_a_language_model_that_hangs_ends_its_turn(stage):
    stage.llm.first_token_ms = 10_000_000
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 40_000))
    (notice,) = client.of(ErrorNotice)
    assert notice.retryable
    assert "30 s" in notice.message


def test_a_voice_that_raises_costs_one_turn(stage):
    stage.tts.error = RuntimeError("boom")
    client = stage.play(*ONE_TURN)
    assert [item.message for item in client.of(ErrorNotice)] == ["text-to-speech failed; please try again"]
    assert stage.llm.aborted == 1


def test_speech_to_text_that_raises_costs_one_turn(stage):
    stage.stt.error = EngineError("whisper is out of memory")
    client = stage.play(*ONE_TURN)
    assert [item.message for item in client.of(ErrorNotice)] == ["whisper is out of memory"]
    assert not [item for item in client.of(UserTranscript) if item.final]
