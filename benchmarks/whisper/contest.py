"""The contestants, and the contest: each clip goes to all of them in turn, again and again."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from faster_whisper import WhisperModel

from benchmarks.whisper.spoken import Spoken
from vivavoce.bench.engines import WordErrors, count_word_errors
from vivavoce_whisper.decoder import Decoder

Transcribe = Callable[[bytes], str]
"""PCM16 at 16 kHz in, text out."""

OURS, OURS_GREEDY, OURS_CHECKED = "vivavoce", "vivavoce, decoding: greedy", "vivavoce, decoding: checked"
DEFAULTS, DEFAULTS_TOLD = "WhisperModel.transcribe, defaults", "WhisperModel.transcribe, defaults, language=en"


def contestants(ours: WhisperModel, theirs: WhisperModel) -> dict[str, Transcribe]:
    """All of them, on the same weights and arithmetic; each model has its own threads."""
    default, greedy, checked = Decoder(ours), Decoder(ours, decoding="greedy"), Decoder(ours, decoding="checked")
    return {
        OURS: lambda pcm: _whole(default, pcm),
        DEFAULTS: lambda pcm: _theirs(theirs, pcm, None),
        DEFAULTS_TOLD: lambda pcm: _theirs(theirs, pcm, "en"),
        OURS_GREEDY: lambda pcm: _whole(greedy, pcm),
        OURS_CHECKED: lambda pcm: _whole(checked, pcm),
    }


def _whole(decoder: Decoder, pcm: bytes) -> str:
    decoded = decoder.decode(pcm)
    return f"{decoded.settled_text} {decoded.text}".strip()


def _theirs(model: WhisperModel, pcm: bytes, language: str | None) -> str:
    segments, _ = model.transcribe(np.frombuffer(pcm, "<i2").astype(np.float32) / 32768, language=language)
    return "".join(segment.text for segment in segments).strip()


@dataclass
class Score:
    """What one contestant did: for each clip the seconds of its passes, and the word errors of all of them."""

    passes_s: list[list[float]] = field(default_factory=list)
    errors: WordErrors = field(default_factory=WordErrors)

    @property
    def median_s(self) -> float:
        """The median clip's median pass."""
        return statistics.median(statistics.median(passes) for passes in self.passes_s)

    @property
    def best_s(self) -> float:
        """The median clip's best pass: what the machine's other work disturbed least."""
        return statistics.median(min(passes) for passes in self.passes_s)

    @property
    def word_error_rate(self) -> float:
        """Errors by words, over all clips and passes."""
        return self.errors.edits / self.errors.words


def ratio(slow: Score, fast: Score, of: Callable[[Sequence[float]], float]) -> float:
    """How many times longer `slow` takes for all clips together, by the best or the median of each clip's passes."""
    return sum(map(of, slow.passes_s)) / sum(map(of, fast.passes_s))


def compete(
    transcribers: Mapping[str, Transcribe], clips: Sequence[Spoken], passes: int, progress: Callable[[], None]
) -> dict[str, Score]:
    """Every contestant hears every clip `passes` times, turn about, after one pass that isn't timed."""
    for transcribe in transcribers.values():
        transcribe(clips[0].pcm)
    scores = {name: Score() for name in transcribers}
    for clip in clips:
        for score in scores.values():
            score.passes_s.append([])
        for _ in range(passes):
            for name, transcribe in transcribers.items():
                began_s = time.perf_counter()
                text = transcribe(clip.pcm)
                scores[name].passes_s[-1].append(time.perf_counter() - began_s)
                scores[name].errors += count_word_errors(clip.text, text)
            progress()
    return scores
