"""Would it help to decode the final passes of several conversations as one batch?"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import ctranslate2
import numpy as np
from faster_whisper import WhisperModel

from benchmarks.whisper.spoken import RATE_HZ, Spoken

WINDOW_S = 12
MAX_LENGTH = 60
PROMPT = ("<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>")


@dataclass(frozen=True, slots=True)
class Waits:
    """`size` passes that are wanted at the same moment: how long their conversations wait, in s, medians."""

    size: int
    in_turn_mean_s: float
    in_turn_last_s: float
    batch_s: float


def compare_batches(
    model: WhisperModel, clips: Sequence[Spoken], sizes: Sequence[int], rounds: int, progress: Callable[[], None]
) -> list[Waits]:
    """For each size, `rounds` times: passes one after the other, then the same as one batch.

    All clips are shorter than the window of 12 s, which is what short utterances get.
    """
    run = _Runner(model)
    features = [run.features(clip) for clip in clips if clip.duration_s <= WINDOW_S - 3]
    found = []
    for size in sizes:
        run.decode(features[:1])
        run.decode(features[:size])
        means, lasts, batches = [], [], []
        for number in range(rounds):
            chosen = [features[(number + place) % len(features)] for place in range(size)]
            began_s = time.perf_counter()
            ends_s = [run.decode([one]) - began_s for one in chosen]
            means.append(statistics.mean(ends_s))
            lasts.append(ends_s[-1])
            began_s = time.perf_counter()
            batches.append(run.decode(chosen) - began_s)
            progress()
        found.append(Waits(size, *map(statistics.median, (means, lasts, batches))))
    return found


class _Runner:
    """The encoder and the decoder, as the plugin calls them for `decoding: greedy`."""

    def __init__(self, model: WhisperModel) -> None:
        self._whisper = model
        self._prompt = [model.hf_tokenizer.token_to_id(name) for name in PROMPT]

    def features(self, clip: Spoken) -> np.ndarray:
        padded = np.zeros(WINDOW_S * RATE_HZ, np.float32)
        sound = np.frombuffer(clip.pcm, "<i2")
        padded[: len(sound)] = sound / 32768
        return self._whisper.feature_extractor(padded, padding=0)[np.newaxis].astype(np.float32)

    def decode(self, features: Sequence[np.ndarray]) -> float:
        """Encode and decode a batch; returns when it was done."""
        encoded = self._whisper.model.encode(ctranslate2.StorageView.from_array(np.concatenate(features)))
        self._whisper.model.generate(encoded, [self._prompt] * len(features), beam_size=1, max_length=MAX_LENGTH)
        return time.perf_counter()
