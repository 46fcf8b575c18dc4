"""Fitting a head: which words count, and that the fit finds what is there to find."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

FOLDER = Path(__file__).parents[3] / "benchmarks" / "turn_policy"


@pytest.fixture
def fit_head(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__("fit_head")


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("Yes, I do.", ["Yes", "Yes, I", "Yes, I do"]),
        ('She said "no!"', ["She", "She said", 'She said "no']),
        ("Well -- fine", ["Well", "Well -- fine"]),
        ("...", []),
    ],
)
def test_words_end_before_their_punctuation(fit_head: ModuleType, text: str, bare: list[str]) -> None:
    assert [text[:end] for end in fit_head.bare_ends(text)] == bare


def test_the_fit_finds_the_direction_that_tells(fit_head: ModuleType) -> None:
    random = np.random.default_rng(1)
    states = random.normal(size=(4000, 20)).astype(np.float32)
    last = random.random(4000) < 1 / (1 + np.exp(2.5 - 3 * states[:, 7]))
    weights, bias = fit_head.fitted(states[:3000], last[:3000])
    assert np.argmax(weights) == 7
    assert weights[7] > 5 * np.abs(np.delete(weights, 7)).max()
    assert bias < 0
    found, best = (fit_head.area(odds[3000:], last[3000:]) for odds in (states @ weights, states[:, 7]))
    assert best - 0.01 < found <= 1
    assert fit_head.area(-states[:, 7], last) == pytest.approx(1 - fit_head.area(states[:, 7], last))


def test_equal_states_tell_nothing_but_how_often(fit_head: ModuleType) -> None:
    last = np.arange(1000) % 4 == 0
    weights, bias = fit_head.fitted(np.zeros((1000, 3), np.float32), last)
    assert np.allclose(weights, 0)
    assert 1 / (1 + np.exp(-bias)) == pytest.approx(0.25, abs=0.01)
