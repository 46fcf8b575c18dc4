"""The turn model: monotone in every signal, within its bounds, and equal to what the benchmark's fit prints."""

from __future__ import annotations

import ast
import math
import re
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from vivavoce_llamacpp.models import DEFAULT_MODEL, ENDING_ODDS, ending_odds
from vivavoce_openvino.weights import ENDING_ODDS as HEAD_ODDS
from vivavoce_prosody.plugin import FITS as PROSODY

from vivavoce.conversation.turn_model import (
    SMART_TURN,
    STYLES,
    TRANSCRIBER_ALONE,
    WORDS_ALONE,
    WORDS_AND_TRANSCRIBER,
    Signals,
    wait_ms,
)

RISING = (0.0, 0.0005, 0.01, 0.1, 0.5, 0.9, 1.0)
EVERY_SIGNAL = [
    Signals(audio=audio, text=text, transcriber=transcriber, pauses_ms=pauses)
    for audio in (None, *RISING)
    for text in (None, *RISING)
    for transcriber in (None, 0.0, 0.3, 1.0)
    for pauses in ((), (250.0, 300.0), (900.0, 1500.0, 2000.0))
]
FIT = Path(__file__).parents[3] / "benchmarks" / "turn_policy" / "fit.py"


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("other", [None, 0.03, 0.8])
def test_a_surer_signal_shortens_the_wait(style, other):
    for sequence in ([Signals(audio=p, text=other) for p in RISING], [Signals(audio=other, text=p) for p in RISING]):
        waits = [wait_ms(signals, style) for signals in sequence]
        assert all(earlier >= later for earlier, later in pairwise(waits))
        unbounded = [wait_ms(signals, replace(style, min_ms=-math.inf, max_ms=math.inf)) for signals in sequence]
        assert all(earlier > later for earlier, later in pairwise(unbounded))


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
@pytest.mark.parametrize("text", [None, 0.4])
def test_a_surer_transcriber_shortens_the_wait(style, text):
    endless = replace(style, min_ms=-math.inf, max_ms=math.inf)
    waits = [wait_ms(Signals(text=text, transcriber=p), endless) for p in RISING]
    assert all(earlier > later for earlier, later in pairwise(waits))


@pytest.mark.parametrize("text", [None, 0.4])
def test_the_sound_counts_but_once(text):
    heard, both = (wait_ms(Signals(audio, text, 0.4), STYLES["balanced"], PROSODY) for audio in (None, 0.9))
    assert heard == both


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_text_alone_takes_the_wait_from_one_bound_to_the_other(style):
    waits = [wait_ms(Signals(audio=0.6, text=n / 1000), style) for n in range(1001)]
    assert waits[0] == style.max_ms
    assert waits[-1] == style.min_ms
    assert len({round(wait) for wait in waits}) > 50  # a curve, not a step


@pytest.mark.parametrize("signals", EVERY_SIGNAL)
def test_the_wait_is_within_bounds_and_grows_with_patience(signals):
    waits = [wait_ms(signals, STYLES[name]) for name in ("eager", "balanced", "patient")]
    assert waits == sorted(waits)
    for wait, style in zip(waits, STYLES.values(), strict=True):
        assert style.min_ms <= wait <= style.max_ms <= 1200


@pytest.mark.parametrize("style", STYLES.values(), ids=STYLES)
def test_doubt_waits_as_long_as_the_slope_says(style):
    endless = replace(style, min_ms=-math.inf, max_ms=math.inf)
    half, tenth = (wait_ms(Signals(text=p), endless) for p in (0.5, 0.1))
    assert tenth - half == pytest.approx(style.slope_ms * WORDS_ALONE.text * math.log(0.9 / 0.1), rel=0.01)


@pytest.mark.parametrize("signals", [Signals(), Signals(text=0.2), Signals(audio=0.5, text=0.2)])
def test_who_pauses_long_is_waited_for_longer(signals):
    def wait(*pauses_ms: float) -> float:
        return wait_ms(replace(signals, pauses_ms=pauses_ms), STYLES["patient"])

    assert wait(220, 240, 230, 260) < wait() < wait(500) < wait(500, 600) <= STYLES["patient"].max_ms


@pytest.mark.parametrize("text", [None, 0.05])
def test_a_detector_that_tells_more_is_heeded_more(text):
    endless = replace(STYLES["balanced"], min_ms=-math.inf, max_ms=math.inf)
    (sure, unsure), (more, less) = (
        [wait_ms(Signals(audio, text), endless, fits) for audio in (0.9, 0.1)] for fits in (SMART_TURN, PROSODY)
    )
    assert sure < unsure
    assert less - more > 2 * (unsure - sure)


def test_an_impossible_probability_counts_as_the_nearest_possible_one():
    style = STYLES["eager"]
    assert wait_ms(Signals(text=1.2), style) == wait_ms(Signals(text=1.0), style)
    assert wait_ms(Signals(audio=-0.1), style) == wait_ms(Signals(audio=0.0), style)


@pytest.mark.slow
def test_the_constants_are_those_of_the_fit():
    printed = subprocess.run([sys.executable, str(FIT)], capture_output=True, text=True, check=True).stdout
    for name, fit in {
        "both": SMART_TURN.beside_words,
        "audio": SMART_TURN.alone,
        "text": WORDS_ALONE,
        "both, prosody": PROSODY.beside_words,
        "audio, prosody": PROSODY.alone,
        "transcriber": TRANSCRIBER_ALONE,
        "text, transcriber": WORDS_AND_TRANSCRIBER,
    }.items():
        assert f"{name}: {fit}\n" in printed
    readers = {"large": "qwen2.5-coder-1.5b", "small": DEFAULT_MODEL}
    odds = ast.literal_eval(re.search(r"odds of other readers times (.*)", printed)[1])
    assert len(odds) == len(ENDING_ODDS) + len(HEAD_ODDS)
    for name, factor in odds.items():
        size, _, how = name.partition(", ")
        known = (
            HEAD_ODDS if "head" in how else {readers[size]: ending_odds(readers[size], "user" if how else "assistant")}
        )
        assert known[readers[size]] == factor
    assert ending_odds("/some/file.gguf", "user") == 1
