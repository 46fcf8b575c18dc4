"""How the figures of single engines are shown, kept and named."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path

import pytest

from vivavoce.bench.engines import (
    EngineReport,
    Line,
    count_word_errors,
    engine_name,
    published_table,
    report_cells,
    write_results,
)
from vivavoce.bench.engines.machine import Machine, machine
from vivavoce.bench.engines.pieces import pieces_of
from vivavoce.definition.choice import Choice
from vivavoce_api import Entry, Kind, Offer, Options
from vivavoce_api.testing import word_error_rate

BEGAN = datetime.datetime(2026, 3, 4, 5, 6, tzinfo=datetime.UTC)


def report(*lines: Line) -> EngineReport:
    return EngineReport("tts", "sing, RANDOM WEIGHTS", "a machine", "2 replies", list(lines), "machine shared", BEGAN)


ONE = Line("1 stream", {"first_chunk_ms": 85.4, "real_time_factor": 0.25, "first_audible_ms": math.nan})
TWO = Line("2 streams", {"first_chunk_ms": 99.6, "real_time_factor": math.nan}, "_2_streams", ("no breath",))


def test_cells_have_a_row_for_each_figure_and_a_column_for_each_setting() -> None:
    assert report_cells(report(ONE, TWO)) == [
        ["", "1 stream", "2 streams"],
        ["first chunk, p50", "85 ms", "100 ms"],
        ["real-time factor, p50", "0.250", "–"],
        ["failed", "0", "1"],
    ]


def test_figures_go_by_the_names_that_gates_use() -> None:
    assert report(ONE, TWO).figures() == {
        "first_chunk_ms": 85.4,
        "real_time_factor": 0.25,
        "first_chunk_ms_2_streams": 99.6,
    }


def test_results_are_named_by_date_engine_and_machine_and_say_all_that_matters(tmp_path: Path) -> None:
    here = Machine("Intel(R) Xeon(R) Processor @ 2.50GHz", 2, ("NVIDIA A100-SXM4-80GB",))
    path = write_results(tmp_path / "new", report(ONE, TWO), here, published_table("voxtream"))
    assert path.name == "2026-03-04-tts-sing-random-weights-nvidia-a100-sxm4-80gb.md"
    text = path.read_text(encoding="utf-8")
    for words in ("RANDOM WEIGHTS", "machine shared", "| first chunk, p50 | 85 ms | 100 ms |", "no breath"):
        assert words in text
    assert "| VoXtream 2 | RTX 3090 | compiled | 63 | 0.173 |" in text
    told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    assert told["engine"] == "sing, RANDOM WEIGHTS"
    assert told["lines"][1]["figures"] == {"first_chunk_ms": 99.6, "real_time_factor": None}
    assert write_results(tmp_path, report(), Machine("Intel(R) Xeon(R) Processor @ 2.50GHz", 2)).name == (
        "2026-03-04-tts-sing-random-weights-intel-xeon-processor-2.50ghz.md"
    )


def test_this_machine_has_a_name() -> None:
    here = machine()
    assert here.name
    assert f"{here.cores} cores" in str(here)


class SingOptions(Options):
    model: str = "nightingale"
    random_weights: bool = False


class VoiceOptions(Options):
    weights: str = "published"


@pytest.mark.parametrize(
    ("name", "options", "called"),
    [
        ("sing", SingOptions(), "sing (nightingale)"),
        ("sing", SingOptions(random_weights=True), "sing (nightingale), RANDOM WEIGHTS"),
        ("hum", VoiceOptions(), "hum"),
        ("hum", VoiceOptions(weights="random"), "hum, RANDOM WEIGHTS"),
        ("sing", SingOptions(model="random-tiny"), "sing (random-tiny), RANDOM WEIGHTS"),
        ("simulated", Options(), "SIMULATED"),
    ],
)
def test_engines_that_pretend_are_called_so(name: str, options: Options, called: str) -> None:
    offer = Offer(Kind.TEXT_TO_SPEECH, name, "sings", type(options), load=lambda options, progress: None)
    assert engine_name(Choice(Entry(offer, "vivavoce-birds", "1"), options)) == called


@pytest.mark.parametrize(
    ("said", "heard", "edits", "words"),
    [
        ("One two three.", "one, two THREE", 0, 3),
        ("It’s twenty.", "it's 20", 1, 2),
        ("a b c d", "a c d e", 2, 4),
        ("", "thank you", 2, 0),
    ],
)
def test_word_errors_are_counted_as_the_conformance_kit_does(said: str, heard: str, edits: int, words: int) -> None:
    errors = count_word_errors(said, heard)
    assert (errors.edits, errors.words) == (edits, words)
    if words:
        assert word_error_rate(said, heard) == edits / words


def test_pieces_join_to_the_text() -> None:
    text = "It's half past nine, incomprehensibly.\nYes. "
    assert "".join(pieces_of(text)) == text
    assert pieces_of("incomprehensible") == ["incomp", "rehens", "ible"]
