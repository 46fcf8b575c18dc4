"""Turns, speculation, interruption and errors of whole conversations, on virtual time."""

from __future__ import annotations

import asyncio

import pytest

from vivavoce.conversation.writing import Draft, write
from vivavoce_api import (
    EngineError,
    EngineUnavailableError,
    ErrorNotice,
    Message,
    PlaybackReport,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    ToolCall,
    ToolSpec,
    TurnLatency,
    UserTranscript,
)
from vivavoce_api.testing import virtual_time_loop

VOICE_MS = 1000
ONE_TURN = (("silence", 400), ("voice", VOICE_MS), ("silence", 6000))
VOICE_ENDS_MS = 1400


class Reader:
    """Judges from the words whether the turn is over."""

    def __init__(self, probabilities):
        self.probabilities = probabilities
        self.asked = []

    async def end_of_turn_probability(self, messages):
        await asyncio.sleep(0.030)
        self.asked.append(messages[-1].content)
        return self.probabilities.get(messages[-1].content, 0.0)


def transcripts(client):
    return [item.text for item in client.of(UserTranscript) if item.final]


def test_a_sure_turn_is_answered_within_a_fifth_of_a_second_and_a_bit(stage, audio_times):
    stage.completeness = Reader({"hello there": 0.95})
    client = stage.play(*ONE_TURN)
    assert transcripts(client) == ["hello there"]
    # 120 ms of silence at least, judged in windows of 32 ms; the work of 30 + 25 + 74 ms ran meanwhile
    assert 120 <= audio_times(client)[0] - VOICE_ENDS_MS <= 240
    assert stage.said == [("user", "hello there"), ("assistant", "One two three four five six seven eight.")]


def test_the_reply_is_begun_before_the_commit_and_let_out_after_it(stage, audio_times):
    stage.detector.probabilities = [0.5]
    client = stage.play(*ONE_TURN)
    (asked_ms, _), committed_ms = stage.llm.asked[0], client.times_final()[0]
    assert asked_ms < committed_ms - 100
    assert audio_times(client)[0] >= committed_ms
    assert audio_times(client)[0] - committed_ms < 5  # it was held ready


def test_words_that_sound_complete_are_answered_while_the_voice_fades(stage, audio_times):
    stage.stt.turns = [[("hello", 500), ("there", 800)]]
    stage.stt.partial_every_ms = 100
    stage.completeness = Reader({"hello there": 0.95})
    client = stage.play(*ONE_TURN)
    assert len(stage.llm.asked) == 1, "the voice's last 200 ms did not end it"
    assert stage.llm.asked[0][0] < VOICE_ENDS_MS
    assert stage.tally.speculations_wasted == 0
    assert audio_times(client)[0] > VOICE_ENDS_MS + 100


def test_a_voice_that_does_not_fade_ends_what_was_begun_for_it(stage, audio_times):
    stage.stt.turns = [[("hello", 300), ("there", 1800)]]
    stage.stt.partial_every_ms = 100
    stage.llm.token_ms = 100
    stage.completeness = Reader({"hello": 0.95})
    client = stage.play(("silence", 400), ("voice", 2000), ("silence", 3000))
    assert transcripts(client) == ["hello there"]
    begun_ms = stage.llm.asked[0][0]
    assert begun_ms < 1000
    assert stage.llm.aborted_at[0] <= begun_ms + 250 + 64


def test_doubt_waits_longer_on_a_curve_and_never_beyond_the_cap(stage, audio_times):
    waits = []
    for probability in (0.95, 0.6, 0.3, 0.0):
        stage.detector.probabilities, stage.detector.looks = [probability], 0
        stage.llm.asked.clear()
        waits.append(audio_times(stage.play(*ONE_TURN))[0] - VOICE_ENDS_MS)
    assert waits == sorted(waits)
    assert waits[0] < waits[1] < waits[2] < waits[3] <= 900


def test_a_pause_inside_a_sentence_is_not_cut_and_costs_one_speculation(stage):
    stage.detector.probabilities = [0.05]
    stage.stt.turns = [[("I", 300), ("think", 900), ("so", 1500)]]
    stage.llm.token_ms = 100
    client = stage.play(("silence", 400), ("voice", 900), ("silence", 400), ("voice", 700), ("silence", 4000))
    assert transcripts(client) == ["I think so"]
    assert stage.tally.speculations_wasted == 1
    assert stage.llm.aborted == 1
    assert stage.said[0] == ("user", "I think so")


def test_what_was_speculated_and_discarded_leaves_no_trace(stage, audio_times):
    stage.detector.probabilities = [0.05]
    stage.stt.turns = [[("wait", 300), ("please", 1500)]]
    client = stage.play(("silence", 400), ("voice", 600), ("silence", 300), ("voice", 1000), ("silence", 200))
    assert not audio_times(client)
    assert not client.of(ReplyText)
    assert stage.said == []


def test_speaking_over_the_agent_stops_it_and_the_context_keeps_what_was_heard(stage, audio_times):
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 1200), ("voice", 1000), ("silence", 6000))
    ended = next(item for item in client.of(ReplyEnded) if item.interrupted)
    ended_at = next(at for at, item in client.sent if item is ended)
    voice_again_at = 2600
    assert voice_again_at + 200 <= ended_at <= voice_again_at + 600
    of_first = [at for at, item in client.sent if isinstance(item, ReplyAudio) and item.reply_id == ended.reply_id]
    assert max(of_first) <= ended_at
    assert "One two three four five six seven eight.".startswith(ended.heard)
    assert 2 <= len(ended.heard.split()) <= 5  # 300 ms a word, about 1.2 s were heard
    assert stage.said[1] == ("assistant", ended.heard)


def test_an_interruption_aborts_the_generation(stage):
    stage.llm.replies, stage.llm.token_ms = ["word " * 200], 100
    stage.play(("silence", 400), ("voice", 1000), ("silence", 1500), ("voice", 600))
    assert stage.llm.aborted >= 1


def test_a_playback_report_makes_the_context_exact(stage, make_client):
    client = make_client([("silence", 400), ("voice", 1000), ("silence", 1200), ("voice", 700), ("silence", 100)])
    script = list(client.script)
    # A client whose speaker lags: just before the interruption it had played only 350 ms.
    script.insert(3, ("item", PlaybackReport(1, 350.0)))
    client.script = script
    stage.play(client=client)
    ended = next(item for item in client.of(ReplyEnded) if item.interrupted)
    assert ended.heard in ("One two", "One two three")  # 350 ms, plus the time until the decision


def test_a_backchannel_does_not_stop_the_agent(stage):
    stage.stt.turns = [[("hello", 500)], [("mhm", 100)]]
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 1000), ("voice", 300), ("silence", 5000))
    assert transcripts(client) == ["hello"]
    assert not any(item.interrupted for item in client.of(ReplyEnded))
    assert stage.said[-1] == ("assistant", "One two three four five six seven eight.")


def test_other_words_of_that_length_do_stop_it(stage):
    stage.stt.turns = [[("hello", 500)], [("stop", 100)]]
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 1000), ("voice", 300), ("silence", 5000))
    assert transcripts(client) == ["hello", "stop"]
    assert any(item.interrupted for item in client.of(ReplyEnded))


def test_without_barge_in_the_agent_finishes(stage):
    stage.changes = {"barge_in": False}
    client = stage.play(("silence", 400), ("voice", 1000), ("silence", 1000), ("voice", 800), ("silence", 5000))
    assert not any(item.interrupted for item in client.of(ReplyEnded))
    assert transcripts(client) == ["hello there"]


def test_a_user_who_goes_on_before_the_answer_is_heard_is_asked_nothing_twice(stage, audio_times):
    stage.completeness = Reader({"my dog": 0.95, "is ill": 0.95})
    stage.tts.first_chunk_ms = 1500  # the commit comes long before the sound
    stage.stt.turns = [[("my", 300), ("dog", 600)], [("is", 300), ("ill", 600)]]
    client = stage.play(("silence", 400), ("voice", 800), ("silence", 500), ("voice", 800), ("silence", 6000))
    assert transcripts(client) == ["my dog", "is ill"]
    assert stage.llm.asked[-1][1][-1].content == "my dog is ill"
    assert [item.reply_id for item in client.of(ReplyEnded)] == [len(stage.llm.asked)]
    assert stage.said[0] == ("user", "my dog is ill")


def test_sound_is_sent_at_most_200_ms_ahead_in_packets_of_20_ms(stage):
    client = stage.play(*ONE_TURN)
    packets = [(at, item.audio.duration_ms) for at, item in client.sent if isinstance(item, ReplyAudio)]
    assert {duration for _, duration in packets} == {20}
    first = packets[0][0]
    sent = 0.0
    for at, duration in packets:
        sent += duration
        assert sent <= at - first + 200 + 1e-6


def test_latency_is_told_by_stage(stage):
    client = stage.play(*ONE_TURN)
    (latency,) = client.of(TurnLatency)
    assert list(latency.stages_ms) == [
        "transcript", "first token", "first chunk", "commit", "first packet", "first audible"
    ]  # fmt: skip
    assert latency.voice_to_voice_ms == latency.stages_ms["first audible"] > 120


def test_the_greeting_is_spoken_first_and_kept(stage):
    stage.changes = {"greeting": "Good day"}
    client = stage.play(("silence", 3000))
    assert client.of(ReplyEnded)[0].heard == "Good day"
    assert stage.said == [("assistant", "Good day")]


def test_partial_transcripts_come_while_the_turn_is_open(stage):
    client = stage.play(*ONE_TURN)
    *partials, final = client.of(UserTranscript)
    assert {(item.text, item.final) for item in partials} == {("hello there", False)}
    assert final == UserTranscript("hello there", final=True)


def test_silence_and_noise_without_words_are_not_answered(stage, audio_times):
    stage.stt.turns = [[]]
    client = stage.play(*ONE_TURN)
    assert not transcripts(client)
    assert not audio_times(client)
    assert stage.llm.asked == []


def test_a_client_that_stops_sending_is_still_answered(stage):
    client = stage.play(("silence", 400), ("voice", 1000), ("nothing", 8000))
    assert transcripts(client) == ["hello there"]


def test_a_turn_that_outgrows_its_bound_is_answered(stage):
    stage.changes = {"turn": {"max_turn_ms": 2000}}
    client = stage.play(("silence", 400), ("voice", 5000), ("silence", 4000))
    assert transcripts(client)[0] == "hello there"
    assert client.times_final()[0] < 400 + 2000 + 400


def test_an_engine_without_partials_transcribes_once_at_the_end(stage):
    stage.partials = False
    client = stage.play(*ONE_TURN)
    assert transcripts(client) == ["hello there"]


def test_no_turn_detector_is_needed(stage):
    stage.detector = None
    assert transcripts(stage.play(*ONE_TURN)) == ["hello there"]


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
    assert not transcripts(client)


def test_nobody_speaking_ends_the_session_with_words(stage):
    stage.changes = {"idle_timeout_s": 5}
    client = stage.play(("silence", 60_000))
    assert "nobody spoke for 5 s" in client.of(ErrorNotice)[0].message
    assert client.sent[-1][0] == pytest.approx(5000, abs=50)


def test_silence_for_minutes_keeps_nothing(stage):
    client = stage.play(("silence", 300_000))
    assert client.sent == []
    assert len(stage.conversation._preroll) == 10  # 320 ms: what may belong to the next word
    assert stage.tally.turns == 0


def test_a_session_has_a_length(stage):
    stage.changes = {"max_session_s": 2}
    client = stage.play(*ONE_TURN)
    assert "time is up" in client.of(ErrorNotice)[-1].message


class Clock:
    spec = ToolSpec("clock", "Tells the time", {"type": "object", "properties": {}})

    def __init__(self, client_time):
        self.called_ms = []
        self.client_time = client_time

    async def call(self, arguments):
        self.called_ms.append(self.client_time())
        return "noon"

    async def close(self):
        pass


def test_tools_run_after_the_commit_and_their_results_are_remembered(stage, make_client):
    client = make_client(ONE_TURN)
    clock = Clock(client.now_ms)
    stage.tools = {"clock": clock}
    stage.detector.probabilities = [0.3]
    stage.llm.replies = [[ToolCall("1", "clock", "{}")], "It is noon."]
    stage.play(client=client)
    assert clock.called_ms
    assert clock.called_ms[0] >= client.times_final()[0]
    assert [role for role, _ in stage.said] == ["user", "assistant", "tool", "assistant"]
    assert stage.said[-1] == ("assistant", "It is noon.")


def test_a_tool_that_is_interrupted_leaves_a_history_that_a_server_takes():
    class Stuck(Clock):
        async def call(self, arguments):
            await asyncio.Event().wait()

    class Model:
        async def generate(self, messages, tools=()):
            for name in ("clock", "stuck"):
                yield ToolCall(name, name, "{}")

    async def interrupted():
        draft, committed = Draft(), asyncio.Event()
        committed.set()
        tools = {"clock": Clock(lambda: 0.0), "stuck": Stuck(lambda: 0.0)}
        writing = write(draft, Model(), [Message("user", "What time is it?")], tools, committed)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(writing), 1)
        return draft.asides

    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        call, first, second = runner.run(interrupted())
    assert [one.id for one in call.tool_calls] == [first.tool_call_id, second.tool_call_id]
    assert first.content == "noon"
    assert "interrupted" in second.content


def test_a_tool_that_is_never_satisfied_is_an_error(stage):
    stage.llm.replies = [[ToolCall("1", "missing", "{}")]]
    client = stage.play(*ONE_TURN)
    assert "called tools" in client.of(ErrorNotice)[0].message
    assert len(stage.llm.asked) == 4


def test_words_that_are_complete_end_a_turn_that_sounded_open(stage, audio_times):
    stage.detector.probabilities = [0.05]
    slow = audio_times(stage.play(*ONE_TURN))[0]
    stage.detector.looks, stage.completeness = 0, Reader({"hello there": 0.95})
    stage.llm.asked.clear()
    quick = audio_times(stage.play(*ONE_TURN))[0]
    assert quick < slow - 300
    assert stage.completeness.asked == ["hello there"]


def test_a_model_that_works_on_one_thing_at_a_time_is_asked_before_it_answers(stage, make_client):
    client = make_client(ONE_TURN)
    stage.completeness = Reader({"hello there": 0.1})
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
        stage.completeness = Reader({"hello there": probability})
        stage.changes = {"serial_model": True}
        stage.play(client=make_client(ONE_TURN))
        return stage.llm.asked[0][0]

    assert asked_at(0.001) > asked_at(0.1)
