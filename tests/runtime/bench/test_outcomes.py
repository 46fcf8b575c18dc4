"""What is made of what was heard: cut-ins, faults, interruptions, figures, gates."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from vivavoce.bench import BargeIn, Clip, Report, TurnOutcome, missed_gates, parse_gates, percentile
from vivavoce.bench.barge_in import judge_barge_in
from vivavoce.bench.crowd import Load
from vivavoce.bench.ear import Ear
from vivavoce.bench.outcome import Said, judge
from vivavoce.bench.plan import Purpose, Utterance
from vivavoce.bench.report import Waste
from vivavoce.wire.client import Arrival
from vivavoce_api import (
    AudioChunk,
    ConfigurationError,
    ErrorNotice,
    Outgoing,
    ReplyAudio,
    ReplyEnded,
    TurnLatency,
    UserTranscript,
)

MakeClip = Callable[..., Clip]
Tone = Callable[..., AudioChunk]


class Scene:
    """A clip, said from second 100 on, voiced from 100.1 to 102.05; a pause of 500 ms from 101.0 if asked for."""

    def __init__(self, clip: Clip, tone: Tone, paused: bool = False) -> None:
        self._tone = tone
        self.said = Said(Utterance(0, clip, 500, 1000.0) if paused else Utterance(0, clip), 100.0)
        self.arrivals: list[Arrival] = []
        self.ear = Ear()
        self.plain = Ear()

    def tell(self, at_s: float, item: Outgoing) -> Scene:
        self.arrivals.append(Arrival(at_s, item))
        if isinstance(item, ReplyAudio):
            self.ear.hear(at_s, item.reply_id, item.audio)
            self.plain.hear(at_s, item.reply_id, item.audio)
        elif isinstance(item, ReplyEnded) and item.interrupted:
            self.ear.drop(at_s, item.reply_id)
        return self

    def transcript(self, at_s: float) -> Scene:
        return self.tell(at_s, UserTranscript("words", final=True))

    def sound(self, at_s: float, duration_ms: float = 100, reply_id: int = 0) -> Scene:
        return self.tell(at_s, ReplyAudio(reply_id, self._tone(duration_ms)))

    def outcome(self) -> TurnOutcome:
        purpose = Purpose.PAUSE if self.said.pause_s else Purpose.WHOLE
        return judge(purpose, self.said, self.arrivals, self.ear)


@pytest.fixture
def scene(make_clip: MakeClip, tone: Tone) -> Scene:
    return Scene(make_clip(), tone)


@pytest.fixture
def paused(make_clip: MakeClip, tone: Tone) -> Scene:
    return Scene(make_clip(), tone, paused=True)


def test_a_turn_that_is_answered_after_its_end(scene: Scene) -> None:
    outcome = scene.transcript(102.2).sound(102.35).outcome()
    assert outcome.voice_to_voice_ms == pytest.approx(300)
    assert not outcome.cut_in
    assert not outcome.went_wrong
    assert outcome.transcript == "words"


def test_a_reply_that_is_heard_while_the_user_speaks_is_a_cut_in_and_has_no_latency(scene: Scene) -> None:
    outcome = scene.transcript(101.0).sound(101.55).transcript(102.2).sound(102.6).outcome()
    assert outcome.cut_in_at_ms == pytest.approx(-500)
    assert outcome.voice_to_voice_ms is None
    assert outcome.went_wrong


def test_silence_that_is_sent_while_the_user_speaks_is_no_cut_in(scene: Scene) -> None:
    scene.tell(101.0, ReplyAudio(0, AudioChunk.silence(1000, 24_000)))
    outcome = scene.transcript(102.1).sound(102.3).outcome()
    assert not outcome.cut_in
    assert outcome.voice_to_voice_ms == pytest.approx(250)


def test_sound_left_over_from_the_turn_before_is_no_answer(scene: Scene) -> None:
    outcome = scene.sound(99.9, 50).outcome()
    assert outcome.voice_to_voice_ms is None
    assert not outcome.cut_in


def test_a_pause_that_is_taken_for_the_end_is_a_cut_in_even_if_the_voice_comes_later(paused: Scene) -> None:
    outcome = paused.transcript(101.3).sound(102.3).outcome()
    assert outcome.cut_in_at_ms == pytest.approx(-750)
    assert not outcome.before_pause


def test_a_transcript_in_a_pause_that_is_replaced_before_anything_is_heard_is_none(paused: Scene) -> None:
    outcome = paused.transcript(101.3).transcript(102.2).sound(102.4).outcome()
    assert not outcome.cut_in
    assert outcome.voice_to_voice_ms == pytest.approx(350)


def test_a_cut_in_before_the_pause_is_not_counted_for_the_pause(paused: Scene) -> None:
    outcome = paused.sound(100.5).outcome()
    assert outcome.cut_in
    assert outcome.before_pause
    assert Report("A", turns=[outcome]).pause_counts() == {500: (0, 0)}


def test_faults_are_told_in_words(scene: Scene) -> None:
    scene.sound(102.3, reply_id=1).transcript(102.4).sound(105, reply_id=2).tell(106, ErrorNotice("it broke"))
    assert scene.outcome().faults == ("error: it broke", "sound came before the transcript", "answered twice")


def test_without_ids_a_second_answer_is_known_by_the_silence_before_it(scene: Scene) -> None:
    scene.transcript(102.2).sound(102.3).sound(102.4)
    assert scene.outcome().faults == ()
    assert scene.sound(105).outcome().faults == ("answered twice",)


def test_stages_are_put_on_the_clients_clock(scene: Scene) -> None:
    latency = TurnLatency(1, 260.0, {"transcript": 60.0, "first_audible": 260.0})
    outcome = scene.transcript(102.2).sound(102.35).tell(102.36, latency).outcome()
    assert outcome.stages_ms == {"transcript": pytest.approx(100), "first audible": pytest.approx(300)}


def test_an_interruption_that_the_server_tells(scene: Scene) -> None:
    for index in range(10):
        scene.sound(99.5 + index / 10, reply_id=3)
    scene.tell(100.4, ReplyEnded(3, interrupted=True, heard=""))
    barge_in = judge_barge_in(scene.said, scene.arrivals, scene.plain)
    assert barge_in.silent_ms == barge_in.decided_ms == pytest.approx(300)
    assert barge_in.plain_silent_ms == pytest.approx(400)
    assert barge_in.last_packet_ms == pytest.approx(0)


def test_sound_after_the_decision_is_seen(scene: Scene) -> None:
    scene.sound(100.2, reply_id=3).tell(100.25, ReplyEnded(3, interrupted=True, heard="")).sound(100.3, reply_id=3)
    assert judge_barge_in(scene.said, scene.arrivals, scene.plain).last_packet_ms == pytest.approx(50)
    assert "sound of a reply came after its interruption" in scene.outcome().faults


def test_an_interruption_that_only_the_sound_tells(scene: Scene) -> None:
    scene.sound(99.9, 800)
    assert judge_barge_in(scene.said, scene.arrivals, scene.plain).silent_ms == pytest.approx(600)
    scene.sound(100.7, 2000)
    assert judge_barge_in(scene.said, scene.arrivals, scene.plain).silent_ms is None


def test_percentiles_lie_between_neighbours() -> None:
    assert percentile([10, 20, 30, 40], 50) == 25
    assert percentile([3, 1, 2], 100) == 3
    assert percentile([7], 95) == 7
    assert math.isnan(percentile([], 50))


def turn(latency_ms: float | None, cut_in_at_ms: float | None = None) -> TurnOutcome:
    return TurnOutcome(Purpose.WHOLE, "clip", None, latency_ms, cut_in_at_ms)


def test_figures_count_every_turn_once() -> None:
    report = Report("A", turns=[turn(200), turn(300), turn(900), turn(1200), turn(None), turn(None, -100)])
    figures = report.figures()
    assert figures["p50_ms"] == 600
    assert figures["cut_in_rate"] == figures["no_answer_rate"] == pytest.approx(1 / 6)
    assert figures["held_800_rate"] == pytest.approx(3 / 6)
    assert figures["held_1000_rate"] == pytest.approx(2 / 6)
    assert "pause_cut_in_rate" not in figures


def test_short_pauses_make_the_rate_and_each_length_has_its_own() -> None:
    base = replace(turn(200), purpose=Purpose.PAUSE)
    turns = [replace(base, pause_ms=300), replace(base, pause_ms=700, cut_in_at_ms=-1), replace(base, pause_ms=2000)]
    figures = Report("A", turns=turns).figures()
    assert figures["pause_cut_in_rate"] == 0.5
    assert figures["pause_700_cut_in_rate"] == 1
    assert figures["pause_2000_cut_in_rate"] == 0
    assert "p50_ms" not in figures


def test_waste_is_what_lies_between_two_looks_at_the_server() -> None:
    def status(turns: int, wasted: int) -> dict[str, object]:
        speculation = {"wasted": wasted, "wasted_pieces": 3 * wasted, "wasted_audio_ms": 80 * wasted}
        return {"turns": {"total": turns}, "speculation": speculation}

    waste = Waste.between(status(2, 1), status(5, 7))
    assert Report("A", waste=waste + waste).figures()["wasted_audio_ms_per_turn"] == 160
    assert Waste.between(None, status(1, 1)) == Waste.between({}, {}) == Waste()


def test_gates_are_read_and_the_missed_ones_told() -> None:
    gates = parse_gates("p50_ms=200, cut_in_rate=0.05,p95_ms_8_sessions=500")
    report = Report("A", turns=[turn(250)], loads=[Load(8, (400.0,), 1, 0, 0)])
    assert missed_gates(gates, report.figures()) == ["p50_ms is 250, above 200"]
    assert missed_gates({"nonsense": 1.0}, {"p50_ms": 1.0}) == ["nonsense was not measured; what was: p50_ms"]


@pytest.mark.parametrize("text", ["p50_ms", "=3", "p50_ms=fast", "p50_ms=1,,"])
def test_a_gate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="NAME=NUMBER"):
        parse_gates(text)


def test_a_report_is_json() -> None:
    report = Report("A", turns=[turn(250)], barge_ins=[BargeIn(1, 2, 3, 4)], loads=[Load(8, (), 1, 0, 1)])
    values = json.loads(json.dumps(report.as_json(), allow_nan=False))
    assert values["figures"]["barge_in_silent_p50_ms"] == 1
    assert values["turns"][0]["purpose"] == "whole"
