"""The quickstart agent beside Pipecat on the same real engines: who may meet, what is written, and one real turn."""

import asyncio
import json
from pathlib import Path

import pytest
import typer
import yaml

from benchmarks.peers.__main__ import QUICKSTART, main, measure
from benchmarks.peers.comparison import as_json, describe, load_table, turns_table
from benchmarks.peers.roster import CONTENDERS, EMBEDDED, chosen
from vivavoce.bench import Plan, Report, TurnOutcome, load_clips
from vivavoce.bench.plan import Purpose

NAMES = "vivavoce-quickstart,pipecat-embedded"
SPEECH = Path(__file__).parents[2] / "data" / "speech"


def report(latency_ms: float) -> Report:
    return Report("A", turns=[TurnOutcome(Purpose.WHOLE, "clip", None, latency_ms, None)])


def test_real_engines_run_only_when_they_are_named() -> None:
    assert chosen(NAMES) == EMBEDDED
    assert not set(EMBEDDED) & set(chosen(""))
    assert not any(contender.real_engines for contender in CONTENDERS)


def test_real_and_simulated_engines_never_share_a_table() -> None:
    with pytest.raises(ValueError, match="measure them apart"):
        chosen("pipecat-embedded,pipecat-stock")


def test_a_real_language_model_takes_no_script() -> None:
    with pytest.raises(typer.BadParameter, match="says what it likes"):
        main(only=NAMES, reply="Yes.")


def test_the_tables_and_the_results_say_real_engines() -> None:
    reports = dict(zip(EMBEDDED, [report(600), report(2000)], strict=True))
    head, ours, peer = turns_table(reports)
    assert head[0] == load_table(reports)[0][0] == "real engines"
    assert (ours[0], peer[0]) == ("vivavoce-quickstart", "pipecat-embedded")
    assert peer[head.index("p50, quickstart : it")] == "0.30"
    words = describe(EMBEDDED, 1, -60.0)
    assert "REAL ENGINES" in words
    assert "SIMULATED" not in words
    assert "- pipecat-ai 1.14" in words


def test_the_results_say_what_was_chosen() -> None:
    written = json.loads(json.dumps(as_json(dict(zip(EMBEDDED, [report(600), report(2000)], strict=True)))))
    assert written["engines"] == "real"
    assert written["contenders"]["vivavoce-quickstart"]["settings"] == {}
    chosen_for_it = written["contenders"]["pipecat-embedded"]["settings"]
    assert chosen_for_it["whisper_compute_type"] == "int8"
    assert chosen_for_it["vad_stop_s"] is None


def test_both_run_the_engines_of_the_quickstart_agent() -> None:
    document = yaml.safe_load(QUICKSTART.read_text(encoding="utf-8"))
    assert [document[section]["plugin"] for section in ("stt", "llm", "tts")] == ["whisper", "openvino", "hibari"]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(600)
def test_both_answer_a_real_voice() -> None:
    plan = Plan(
        load_clips(SPEECH)[:1],
        turns=1,
        pauses_ms=(),
        barge_ins=0,
        greeting=True,
        answer_timeout_s=90.0,
    )
    reports = asyncio.run(measure(EMBEDDED, plan, []))
    for contender, found in reports.items():
        (turn,) = found.turns
        assert turn.voice_to_voice_ms is not None, (contender.name, turn)
