"""Turns, speculation and interruption of whole conversations, on virtual time."""

import pytest

from vivavoce_api import (
    EngineError,
    ErrorNotice,
    PlaybackReport,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    TurnDetectorCapabilities,
    TurnFit,
    TurnFits,
    TurnLatency,
    UserTranscript,
)

VOICE_MS = 1000
ONE_TURN = (("silence", 400), ("voice", VOICE_MS), ("silence", 6000))
VOICE_ENDS_MS = 1400


def transcripts(client):
    return [item.text for item in client.of(UserTranscript) if item.final]


def test_the_reply_is_begun_before_the_commit_and_let_out_after_it(stage, audio_times):
    stage.detector.probabilities = [0.5]
    client = stage.play(*ONE_TURN)
    (asked_ms, _), committed_ms = stage.llm.asked[0], client.times_final()[0]
    assert asked_ms < committed_ms - 100
    assert audio_times(client)[0] >= committed_ms
    assert audio_times(client)[0] - committed_ms < 5  # it was held ready


def test_doubt_waits_longer_on_a_curve_and_never_beyond_the_cap(stage, audio_times):
    waits = []
    for probability in (0.95, 0.4, 0.25, 0.0):
        stage.reads_along({"hello there": probability})
        stage.detector.probabilities, stage.detector.looks = [0.5], 0
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
    stage.reads_along({"my dog": 0.95, "is ill": 0.95})
    stage.tts.first_chunk_ms = 1500  # the commit comes long before the sound
    stage.stt.turns = [[("my", 300), ("dog", 600)], [("is", 300), ("ill", 600)]]
    client = stage.play(("silence", 400), ("voice", 800), ("silence", 500), ("voice", 800), ("silence", 6000))
    assert transcripts(client) == ["my dog", "is ill"]
    assert stage.llm.asked[-1][1][-1].content == "my dog is ill"
    assert [item.reply_id for item in client.of(ReplyEnded)] == [len(stage.llm.asked)]
    assert stage.said[0] == ("user", "my dog is ill")


def test_a_cough_before_the_answer_is_heard_does_not_lose_it(stage, audio_times):
    stage.reads_along({"my dog": 0.95})
    stage.tts.first_chunk_ms = 1500
    stage.stt.turns = [[("my", 300), ("dog", 600)], []]
    client = stage.play(("silence", 400), ("voice", 800), ("silence", 500), ("voice", 100), ("silence", 6000))
    assert transcripts(client) == ["my dog"]
    assert stage.llm.asked[-1][1][-1].content == "my dog"
    assert [item.interrupted for item in client.of(ReplyEnded)] == [False]
    assert [role for role, _ in stage.said] == ["user", "assistant"]
    (latency,) = client.of(TurnLatency)
    assert latency.voice_to_voice_ms == pytest.approx(audio_times(client)[0] - 1200, abs=40), "from the words on"
    assert stage.tally.turns == 1


def test_a_cough_after_an_answer_that_failed_asks_for_none(stage, audio_times):
    stage.llm.replies = [[EngineError("no answer today")]]
    stage.stt.turns = [[("hello", 500), ("there", 1000)], []]
    client = stage.play(*ONE_TURN, ("voice", 100), ("silence", 3000))
    assert len(client.of(ErrorNotice)) == 1
    assert not audio_times(client)


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


def test_words_that_stay_the_same_are_sent_once(stage):
    stage.stt.partial_every_ms = 100
    stage.stt.turns = [[("hello", 300), ("there", 700)]]
    client = stage.play(*ONE_TURN)
    assert [item.text for item in client.of(UserTranscript)] == ["hello", "hello there", "hello there"]


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


def test_the_detector_is_asked_once_and_shown_the_beginning_of_the_silence(stage):
    stage.play(("silence", 400), ("voice", 600), ("silence", 150), ("voice", 600), ("silence", 3000))
    assert stage.detector.looks == 1, "150 ms are a closure within a word"
    shown = stage.detector.shown
    silence = len(shown.pcm) - len(shown.pcm.rstrip(b"\0"))
    assert silence / 2 / shown.sample_rate_hz * 1000 == pytest.approx(139, abs=1)


def test_a_detector_is_heeded_as_its_offer_says(stage):
    much = TurnFit(intercept=0.0, audio=1.0, text=0.0, eager=2.0, balanced=3.0, patient=5.0)
    committed_ms = []
    for fits in (None, TurnFits(beside_words=much, alone=much)):
        stage.detector_wants = TurnDetectorCapabilities(16_000, 8_000, fits=fits)
        stage.detector.probabilities, stage.detector.looks = [0.9], 0
        committed_ms += stage.play(*ONE_TURN).times_final()
    assert committed_ms[1] < committed_ms[0] - 50


def test_a_quick_detector_is_asked_sooner_shown_less_and_heeded(stage):
    stage.detector_wants = TurnDetectorCapabilities(16_000, 500, ask_after_ms=90, shown_silence_ms=60)
    stage.play(("silence", 400), ("voice", 600), ("silence", 150), ("voice", 600), ("silence", 3000))
    assert stage.detector.looks == 2, "150 ms are a pause for it"
    shown = stage.detector.shown
    silence = len(shown.pcm) - len(shown.pcm.rstrip(b"\0"))
    assert silence / 2 / shown.sample_rate_hz * 1000 == pytest.approx(60, abs=1)
    assert shown.duration_ms == pytest.approx(500, abs=1)
