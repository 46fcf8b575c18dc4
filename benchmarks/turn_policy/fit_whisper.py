"""Fit the heads of the plugin `whisper` to spoken lines of people: does this sound finished?

    python benchmarks/turn_policy/fit_whisper.py base --games FOLDER

needs the model's weights and the two games' recordings (the README says whence), and takes twenty to eighty minutes on
two cores, for either model. Of each line it learns its end, a cut at a soft place within, and the pauses that the
speaker made: each in some room, at some pitch, 8 to 120 ms after the voice. A fifth of the lines is held out, and
judged.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Literal

import numpy as np
from dialogues import SpokenLine, spoken_lines
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import Progress
from rooms import BEFORE_MS, RATE_HZ, Sound, recorded, some_room, to_pcm, trimmed
from spoken import cuts, faded, pauses, through_microphone, varied
from vivavoce_whisper.decoder import Decoder
from vivavoce_whisper.loading import load_model
from vivavoce_whisper.options import WhisperOptions

HERE = Path(__file__).parent
HEADS = HERE.parents[1] / "plugins" / "whisper" / "src" / "vivavoce_whisper" / "heads"
FIFTHS, HELD_OUT = 5, 0
PITCH_SPREAD, PITCHES, TILT = 0.09, (0.8, 1.25), 0.4
EARLIEST_MS, LATEST_MS = 8, 120
"""The runtime asks from 12 ms on, and heeds what it is told of up to 120."""
DRAWS, PAUSES, PAUSES_SEED = 3, 4, 5
"""One line in twelve has pauses: up to four are heard, at three pitches in three rooms..."""
PAUSES_SHARE = 0.3
"""... and all of them weigh so much of what is no end."""
L2, STEPS = 0.03, 25
BATCH = 60
"""Lines that one process hears at a time: about a minute's work."""

Kind = Literal["end", "splice", "pause"]
SHARES: dict[Kind, float] = {"end": 0.5, "splice": 0.5 * (1 - PAUSES_SHARE), "pause": 0.5 * PAUSES_SHARE}
"""What the moments of each kind weigh together: log-odds are of as many ends as others."""
Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Example:
    """`seen`: (2 * size,), as `vivavoce_whisper.ending` gives the encoder's last states."""

    line: str
    kind: Kind
    seen: NDArray[np.float32]


def main() -> None:
    """Let the model hear the lines, fit, judge, and write the head."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=("base", "tiny.en"))
    parser.add_argument("--games", type=Path, required=True)
    options = parser.parse_args()
    started = time.monotonic()
    examples = all_examples(options.model, shuffled_lines(options.games))
    seen, kinds = np.stack([example.seen for example in examples]), np.array([example.kind for example in examples])
    learnt = np.array([not is_held_out(example.line) for example in examples])
    weights, bias = fitted(seen[learnt], kinds[learnt])
    counts = {kind: int((kinds == kind).sum()) for kind in SHARES}
    print(f"{options.model}: {counts}, {time.monotonic() - started:.0f} s")
    for kind in ("splice", "pause"):
        judged = ~learnt & ((kinds == "end") | (kinds == kind))
        print(f"held-out ends above each {kind}: {ranked(seen[judged] @ weights, kinds[judged] == 'end'):.3f}")
    HEADS.mkdir(exist_ok=True)
    np.savez_compressed(HEADS / f"{options.model}.npz", weights=weights.astype(np.float32), bias=np.float32(bias))


def all_examples(model: str, lines: list[SpokenLine]) -> list[Example]:
    """What the model hears of the moments of lines, a process on each core."""
    batches = [lines[start : start + BATCH] for start in range(0, len(lines), BATCH)]
    processes = len(os.sched_getaffinity(0))
    with multiprocessing.get_context("spawn").Pool(processes) as pool, Progress(console=Console(stderr=True)) as bar:
        found = pool.imap(partial(examples_of, model), batches)
        return list(chain.from_iterable(bar.track(found, total=len(batches), description=f"{model} listens")))


def shuffled_lines(games: Path) -> list[SpokenLine]:
    """The same lines, in the same order, each time."""
    lines = list(spoken_lines(games))
    random.Random(1).shuffle(lines)
    return lines


def is_held_out(line: str) -> bool:
    """Whether a line is not fitted to."""
    return zlib.crc32(line.encode()) % FIFTHS == HELD_OUT


def moments_of(line: SpokenLine, rng: np.random.Generator) -> Iterator[tuple[Kind, Sound]]:
    """The speech up to the end of a line, and up to a cut."""
    speech = varied(line.sound, PITCH_SPREAD, PITCHES, rng)
    if speech is None:
        return
    yield "end", trimmed(speech, -rng.uniform(24, 40))
    for place in cuts(speech, 1, rng):
        yield "splice", speech[:place]


def pauses_of(line: SpokenLine, rng: np.random.Generator) -> Iterator[tuple[Kind, Sound]]:
    """The speech up to each of the pauses that the speaker made."""
    speech = varied(line.sound, PITCH_SPREAD, PITCHES, rng)
    for place in pauses(speech)[:PAUSES] if speech is not None else []:
        yield "pause", speech[:place]


def in_some_room(speech: Sound, rng: np.random.Generator) -> tuple[Sound, int]:
    """A recording of it by some microphone, and the sample at which the voice ends."""
    heard = through_microphone(faded(speech, rng), TILT, rng)
    return recorded(heard, some_room(rng)), BEFORE_MS * RATE_HZ // 1000 + len(heard)


def examples_of(model: str, lines: list[SpokenLine]) -> list[Example]:
    """What the model hears of the moments of lines."""
    decoder = Decoder(load_model(WhisperOptions(model=model, cpu_threads=1), lambda *_: None))
    found = []
    for line in lines:
        seed = zlib.crc32(line.name.encode())
        drawn = [(moments_of, np.random.default_rng(seed))]
        drawn += [(pauses_of, np.random.default_rng([seed, draw, PAUSES_SEED])) for draw in range(DRAWS)]
        for moments, rng in drawn:
            for kind, speech in moments(line, rng):
                recording, voiced_until = in_some_room(speech, rng)
                heard = recording[: voiced_until + int(rng.uniform(EARLIEST_MS, LATEST_MS) * RATE_HZ / 1000)]
                found.append(Example(line.name, kind, decoder.last_moments(to_pcm(heard))))
    return found


def fitted(seen: NDArray[np.float32], kinds: NDArray[np.str_]) -> tuple[Array, float]:
    """Logistic regression by Newton's method on standardised states, L2 on the weights."""
    over = kinds == "end"
    mean, spread = seen.mean(0, dtype=np.float64), seen.std(0, dtype=np.float64) + 1e-3
    x = np.column_stack([np.ones(len(seen)), (seen - mean) / spread])
    weight = np.zeros(len(kinds))
    for kind, share in SHARES.items():
        weight[kinds == kind] = share / max(1, (kinds == kind).sum())
    ridge = np.full(x.shape[1], L2)
    ridge[0] = 0
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        gradient = x.T @ (weight * (over - p)) - ridge * beta
        beta += np.linalg.solve((x * (weight * p * (1 - p))[:, None]).T @ x + np.diag(ridge), gradient)
    weights = beta[1:] / spread
    return weights, float(beta[0] - mean @ weights)


def ranked(log_odds: Array, over: NDArray[np.bool_]) -> float:
    """How often an end has higher log-odds than another moment."""
    return float((log_odds[over][:, None] > log_odds[~over]).mean())


if __name__ == "__main__":
    main()
