"""Moments of spoken lines, and a fit that finds what tells their ends."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "turn_policy"
RATE_HZ = 16_000


@pytest.fixture
def module(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__


def voice(*stretches_s: float) -> np.ndarray:
    """Voice and silence in turn."""
    random = np.random.default_rng(0)
    parts = [
        random.normal(0, 0.1 if number % 2 == 0 else 0.0001, round(stretch_s * RATE_HZ))
        for number, stretch_s in enumerate(stretches_s)
    ]
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize(
    ("stretches_s", "at_s"),
    [
        ((1.0, 0.3, 1.0), [1.0]),
        ((1.0, 0.1, 1.0), []),
        ((0.3, 0.3, 1.0, 0.4, 0.6), [1.6]),
        ((1.0, 0.3, 0.1), []),
        ((1.0,), []),
    ],
    ids=["one", "too short", "at the beginning", "at the end", "none"],
)
def test_pauses_are_long_and_within_the_line(module, stretches_s, at_s: list[float]) -> None:
    spoken = module("spoken")
    assert [place / RATE_HZ for place in spoken.pauses(voice(*stretches_s))] == pytest.approx(at_s, abs=0.011)


def test_cuts_are_apart_and_not_at_pauses(module) -> None:
    spoken = module("spoken")
    speech = voice(2.0, 0.5, 2.0)
    places = [place / RATE_HZ for place in spoken.cuts(speech, 3, np.random.default_rng(1))]
    assert len(places) == 3
    assert all(abs(place - other) > 0.15 for place in places for other in places if place is not other)
    assert not any(1.95 < place < 2.55 for place in places)


def test_the_moments_of_a_line(module) -> None:
    fit_whisper, spoken_line = module("fit_whisper"), module("dialogues").SpokenLine
    line = spoken_line("line", voice(2.0, 0.4, 2.0))
    moments = dict(fit_whisper.moments_of(line, np.random.default_rng(1)))
    assert moments.keys() == {"end", "splice"}
    ((kind, paused),) = fit_whisper.pauses_of(line, np.random.default_rng(1))
    assert kind == "pause"
    assert len(paused) < len(moments["end"]) * 0.6
    soft = spoken_line("soft", line.sound / 50)
    for moments_of in (fit_whisper.moments_of, fit_whisper.pauses_of):
        assert not list(moments_of(soft, np.random.default_rng(1)))


def test_the_voice_ends_where_a_recording_says(module) -> None:
    recording, voiced_until = module("fit_whisper").in_some_room(voice(1.0), np.random.default_rng(3))
    loud, soft = (recording[voiced_until + shift : voiced_until + shift + 800].std() for shift in (-1600, 4000))
    assert loud > 2 * soft


def test_the_fit_finds_the_state_that_tells(module) -> None:
    fit_whisper: ModuleType = module("fit_whisper")
    random = np.random.default_rng(1)
    seen = (5 + random.normal(size=(3000, 12))).astype(np.float32)
    over = random.random(3000) < 1 / (1 + np.exp(1.5 - 3 * (seen[:, 4] - 5)))
    weights, bias = fit_whisper.fitted(
        seen, np.where(over, "end", np.where(random.random(3000) < 0.3, "pause", "splice"))
    )
    log_odds = seen @ weights + bias
    assert np.argmax(np.abs(weights)) == 4
    assert fit_whisper.ranked(log_odds, over) == pytest.approx(fit_whisper.ranked(seen[:, 4], over), abs=0.01)
    assert (log_odds[over] > 0).mean() == pytest.approx((log_odds[~over] < 0).mean(), abs=0.06)


def test_the_few_pauses_count_as_they_should(module) -> None:
    """One state tells ends from cuts, the other from pauses, of which there are few."""
    fit_whisper: ModuleType = module("fit_whisper")
    random = np.random.default_rng(1)
    kinds = np.array(["end"] * 1000 + ["splice"] * 1000 + ["pause"] * 20)
    seen = random.normal(size=(len(kinds), 2)).astype(np.float32)
    seen[kinds == "splice", 0] -= 2
    seen[kinds == "pause", 1] -= 2
    weights, _ = fit_whisper.fitted(seen, kinds)
    assert weights[1] > weights[0] / 4
    none, _ = fit_whisper.fitted(seen[kinds != "pause"], kinds[kinds != "pause"])
    assert abs(none[1]) < 0.1
