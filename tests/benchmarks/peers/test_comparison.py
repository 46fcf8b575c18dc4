"""The tables of the comparison with peers, and who is in them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from benchmarks.peers.comparison import as_json, load_table, markdown, turns_table
from benchmarks.peers.environment import requirements
from benchmarks.peers.roster import CONTENDERS, UNRECORDED, Contender, chosen
from benchmarks.peers.serving import write_changed, write_replying
from vivavoce.bench import Load, Report, TurnOutcome
from vivavoce.bench.plan import Purpose

OURS, PEER = Contender("vivavoce", "eager"), Contender("pipecat", "stock")
AGENT = Path(__file__).parents[3] / "agents" / "simulated.yaml"


def report(latencies_ms: list[float], *, cut_ins: int = 0) -> Report:
    turns = [TurnOutcome(Purpose.WHOLE, "clip", None, latency_ms, None) for latency_ms in latencies_ms]
    turns += [TurnOutcome(Purpose.WHOLE, "clip", None, None, -100.0)] * cut_ins
    return Report("A", turns=turns)


def test_a_row_holds_the_figures_and_the_ratio_of_our_median_to_the_peers() -> None:
    head, ours, peer = turns_table({OURS: report([200, 200]), PEER: report([500, 500, 3000], cut_ins=1)})
    assert head[-1] == "p50, eager : it"
    assert (ours[0], ours[-1]) == ("vivavoce-eager", "")
    row = dict(zip(head, peer, strict=True))
    assert row["turns"] == "4"
    assert row["p50 ms"] == "500"
    assert row["held over 0.8 s"] == row["answered while the user spoke"] == "25%"
    assert row["p50, eager : it"] == "0.40"


def test_a_peer_that_never_answered_gets_a_dash_and_no_ratio() -> None:
    head, _, peer = turns_table({OURS: report([200]), PEER: report([], cut_ins=1)})
    row = dict(zip(head, peer, strict=True))
    assert (row["p50 ms"], row["p50, eager : it"]) == ("–", "")


def test_pauses_have_a_column_only_where_they_were_measured() -> None:
    assert "cut into at pauses to 0.7 s" not in turns_table({PEER: report([200])})[0]


def test_each_number_of_sessions_has_a_row() -> None:
    measured = report([])
    measured.loads = [Load(1, (400.0, 400.0), 2, 0, 0, 0.1234, 57.04), Load(8, (900.0,), 2, 0, 1)]
    rows = load_table({PEER: measured})[1:]
    assert rows == [
        ["pipecat-stock", "1", "400", "400", "0.123", "57.0", "0%"],
        ["pipecat-stock", "8", "900", "900", "–", "–", "50%"],
    ]


def test_markdown_has_a_rule_under_the_headings() -> None:
    assert markdown([["", "p50"], ["a", "1"]]) == "|  | p50 |\n| --- | ---: |\n| a | 1 |"


def test_the_results_say_what_was_set_and_installed() -> None:
    written = json.loads(json.dumps(as_json({OURS: report([200]), PEER: report([500])})))
    assert written["versions"]["pipecat"]["pipecat-ai"].startswith("1.14")
    assert written["contenders"]["pipecat-stock"]["settings"]["smart_turn"] is True
    assert written["contenders"]["vivavoce-eager"]["settings"] == {"turn": {"style": "eager"}}


def test_contenders_are_chosen_by_name() -> None:
    assert chosen("") == CONTENDERS
    assert [contender.name for contender in chosen("livekit-vad, vivavoce-eager")] == ["livekit-vad", "vivavoce-eager"]
    with pytest.raises(ValueError, match=r"unknown: livekit; known: vivavoce-eager"):
        chosen("livekit")


def test_every_peer_has_requirements_that_name_exact_versions() -> None:
    for family in {contender.family for contender in CONTENDERS if contender.is_peer}:
        lines = requirements(family).read_text().splitlines()
        assert lines
        assert all("==" in line for line in lines), family


def assert_moved(written: dict[str, Any], original: dict[str, Any]) -> None:
    """The same but for the scripts, which are found from anywhere."""
    for section in ("stt", "completeness"):
        assert Path(written[section].pop("script")) == AGENT.parent / original[section].pop("script")
    assert written == original


def test_a_style_is_all_that_changes_in_our_agent(tmp_path: Path) -> None:
    styled = yaml.safe_load(write_changed(AGENT, Contender("vivavoce", "eager"), tmp_path).read_text())
    assert styled.pop("turn") == {"style": "eager"}
    original = yaml.safe_load(AGENT.read_text())
    assert_moved(styled, original)


def test_a_reply_is_all_that_changes_in_the_agent_of_all(tmp_path: Path) -> None:
    replying = yaml.safe_load(write_replying(AGENT, "Yes.", tmp_path).read_text())
    original = yaml.safe_load(AGENT.read_text())
    assert replying["llm"].pop("reply") == "Yes."
    del original["llm"]["reply"]
    assert_moved(replying, original)


def test_who_hears_nothing_but_silence_has_the_same_speech_to_text_without_what_was_recorded() -> None:
    stt = yaml.safe_load(AGENT.read_text())["stt"]
    assert {key: value for key, value in stt.items() if key not in ("script", "transcriber")} == UNRECORDED
