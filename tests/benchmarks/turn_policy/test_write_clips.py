"""Choosing sentences of a game, and the files that a benchmark reads. Whisper is a stub."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from vivavoce.bench import load_clips

FOLDER = Path(__file__).parents[3] / "benchmarks" / "turn_policy"
RATE_HZ = 16_000
QUIET_S = 0.5


@pytest.fixture
def clips(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(FOLDER))
    return __import__("write_clips")


def line(clips: Any, text: str, name: str = "queen/A", seconds: float = 2.0) -> Any:
    voice = np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE_HZ)).astype(np.float32)
    return clips.SpokenLine(name, np.concatenate([np.zeros(round(QUIET_S * RATE_HZ), np.float32), voice]), text)


class Hears:
    """Finds these words in whatever it is given, one each 0.25 s, the first after the silence."""

    def __init__(self, *words: str) -> None:
        self._words = [SimpleNamespace(word=f" {word}", end=QUIET_S + 0.25 * n) for n, word in enumerate(words, 1)]

    def transcribe(self, sound: np.ndarray, **options: Any) -> tuple[list[Any], None]:
        assert options == {"language": "en", "word_timestamps": True}
        return [SimpleNamespace(words=self._words)], None


@pytest.mark.parametrize(
    ("text", "seconds", "is_chosen"),
    [
        ("It must have been hidden well.", 2.0, True),
        ("You and whose army?", 2.0, False),
        ("Nice shop. Did you decorate it yourself?", 2.0, False),
        ("He hasn't got me my bait yet...", 2.0, False),
        ("It must have been hidden well.", 10.0, False),
    ],
    ids=["chosen", "short", "two", "unfinished", "long"],
)
def test_one_sentence_of_some_length_is_chosen(clips, text: str, seconds: float, is_chosen: bool) -> None:
    assert clips.is_sentence(line(clips, text, seconds=seconds)) is is_chosen


@pytest.mark.parametrize(
    ("words", "is_kept"),
    [(("it's", "hidden", "well"), True), (("its", "hidden", "bell"), False), (("it's", "hid", "den", "well"), False)],
    ids=["heard", "misheard", "split"],
)
def test_a_line_is_kept_where_each_word_is_heard(clips, words: tuple[str, ...], is_kept: bool) -> None:
    assert bool(list(clips.timed(Hears(*words), [line(clips, "It's hidden, well.")]))) is is_kept


def test_the_files_are_what_a_benchmark_reads(clips, tmp_path: Path) -> None:
    chosen = list(clips.timed(Hears("it's", "hidden", "well"), [line(clips, 'It\'s "hidden", well.', "queen/A")]))
    clips.write_recordings(tmp_path / "new", [line for line, _ in chosen])
    clips.write_agent(tmp_path / "new", [turn for _, turn in chosen], "stt: {plugin: simulated, script: old.json}\n")
    (clip,) = load_clips(tmp_path / "new", tmp_path / "new" / "script.json")
    assert [word.text for word in clip.words] == ["It's", '"hidden",', "well."]
    assert [word.end_ms for word in clip.words] == pytest.approx([750, 1000, 1250], abs=10)
    (spread,) = load_clips(tmp_path / "new")
    assert [word.text for word in spread.words] == ["It's", '"hidden",', "well."]
    assert (tmp_path / "new" / "agent.yaml").read_text() == "stt: {plugin: simulated, script: script.json}\n"


def test_sentences_can_be_left_out(clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line(clips, "It must have been hidden well.", f"queen/{name}") for name in "ABCDE"]
    monkeypatch.setattr(clips, "shuffled_lines", lambda games: iter(lines))
    monkeypatch.setattr(
        "sys.argv", ["write_clips.py", str(tmp_path / "new"), "--games", "games", "--count", "2", "--skip", "1"]
    )
    clips.main()
    assert sorted(path.name for path in (tmp_path / "new").glob("*.wav")) == ["queen-B.wav", "queen-C.wav"]
