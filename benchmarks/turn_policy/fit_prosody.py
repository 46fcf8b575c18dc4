"""Fit the network of the plugin `prosody` to spoken lines of people: does this sound finished?

    python benchmarks/turn_policy/fit_prosody.py --games FOLDER

needs torch and the two games' recordings (the README says whence), and takes most of an hour on two cores.
Of each line it learns its end, and cuts at the softest places within, where nobody had paused for 150 ms: each in some
room, at some pitch, as it sounds 60 ms after the voice. A tenth of the lines is held out, and judged after each round.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import torch
from dialogues import SpokenLine, spoken_lines
from numpy.typing import NDArray
from rooms import BEFORE_MS, RATE_HZ, Sound, recorded, some_room, trimmed
from spoken import cuts, faded, through_microphone, varied
from torch import nn
from vivavoce_prosody.features import CHANNELS, SAMPLES, features
from vivavoce_prosody.network import STRIDES, WEIGHTS_FILE
from vivavoce_prosody.plugin import SHOWN_SILENCE_MS

HERE = Path(__file__).parent
WEIGHTS = HERE.parents[1] / "plugins" / "prosody" / "src" / "vivavoce_prosody" / WEIGHTS_FILE
CUTS = 3
WIDTH, KERNEL, HIDDEN, DROPOUT = 48, 5, 32, 0.3
EPOCHS, BATCH, RATE = 5, 256, 4e-3
HELD_OUT = 10
TILT = 0.55
"""Up to which coefficient of a first-order filter some microphones favour low or high frequencies."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Which of the shuffled lines, and how much they are varied.

    `pitch_spread`: of pitch and tempo, together: standard deviation of the logarithm, within `pitches`. `tilt`: the
    largest coefficient of a microphone.
    """

    lines: slice
    pitch_spread: float
    pitches: tuple[float, float]
    tilt: float = 0.0


DRAWS = (
    Draw(slice(6_000), pitch_spread=0.09, pitches=(0.8, 1.25)),
    Draw(slice(-5_000, None), pitch_spread=0.13, pitches=(0.72, 1.35), tilt=TILT),
)
"""Of some 8,200 lines, so that a third is heard twice. More was not tried."""


@dataclass(frozen=True, slots=True)
class Example:
    """`seen`: (CHANNELS, FRAMES), half precision."""

    line: str
    over: bool
    seen: NDArray[np.float16]


def main() -> None:
    """Make examples, fit, and write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--games", type=Path, required=True)
    options = parser.parse_args()
    lines = list(spoken_lines(options.games))
    random.Random(1).shuffle(lines)
    tasks = [(line, draw) for draw in DRAWS for line in lines[draw.lines]]
    with multiprocessing.Pool() as pool:
        examples = list(chain.from_iterable(pool.imap(examples_of, tasks, chunksize=32)))
    print(f"{len(lines)} lines, {len(examples)} examples, {sum(e.over for e in examples)} of them ends")
    network = fitted(examples)
    np.savez_compressed(WEIGHTS, **stored(network))


def examples_of(task: tuple[SpokenLine, Draw]) -> list[Example]:
    """The end of a line, and cuts within it."""
    line, draw = task
    rng = np.random.default_rng(zlib.crc32(f"{line.name} {draw}".encode()))
    speech = varied(line.sound, draw.pitch_spread, draw.pitches, rng)
    if speech is None:
        return []
    moments = [(True, trimmed(speech, -rng.uniform(24, 40)))]
    moments += [(False, speech[:cut]) for cut in cuts(speech, CUTS, rng)]
    return [
        Example(line.name, over, features(in_some_room(faded(sound, rng), draw.tilt, rng)).astype(np.float16))
        for over, sound in moments
    ]


def in_some_room(speech: Sound, tilt: float, rng: np.random.Generator) -> Sound:
    """The last two seconds, through a microphone, in a room, up to about 60 ms after the voice."""
    shown_ms = max(0.0, SHOWN_SILENCE_MS + rng.normal(0, 12))
    end = int((BEFORE_MS + shown_ms) * RATE_HZ / 1000)
    heard = through_microphone(speech[-SAMPLES:], tilt, rng)
    return recorded(heard, some_room(rng))[: end + len(heard)]


class Net(nn.Module):
    """The layers of `vivavoce_prosody.network`, to be fitted."""

    def __init__(self) -> None:
        super().__init__()
        sizes = (CHANNELS, *[WIDTH] * len(STRIDES))
        self.convolutions = nn.ModuleList(
            nn.Conv1d(inputs, WIDTH, KERNEL, stride) for inputs, stride in zip(sizes[:-1], STRIDES, strict=True)
        )
        self.hidden, self.output, self.drop = nn.Linear(2 * WIDTH, HIDDEN), nn.Linear(HIDDEN, 1), nn.Dropout(DROPOUT)

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        """(n, CHANNELS, FRAMES) to log-odds (n,)."""
        for number, convolution in enumerate(self.convolutions):
            seen = torch.relu(convolution(seen))
            seen = self.drop(seen) if number == len(STRIDES) - 2 else seen
        pooled = torch.cat([seen[..., -1], seen.mean(-1)], 1)
        return self.output(self.drop(torch.relu(self.hidden(pooled))))[:, 0]


def fitted(examples: Sequence[Example]) -> Net:
    """AdamW, one cycle; ends weigh as much as cuts, so that the log-odds are of equally many of both."""
    torch.manual_seed(0)
    seen = torch.from_numpy(np.stack([example.seen for example in examples]))
    over = torch.tensor([float(example.over) for example in examples])
    held_out = np.array([zlib.crc32(example.line.encode()) % HELD_OUT == 0 for example in examples])
    learnt = np.flatnonzero(~held_out)
    network, rounds = Net(), len(learnt) // BATCH + 1
    loss_of = nn.BCEWithLogitsLoss(pos_weight=(1 - over.mean()) / over.mean())
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=EPOCHS * rounds)
    for epoch in range(EPOCHS):
        network.train()
        for some in batches(learnt, rounds, epoch):
            optimizer.zero_grad()
            loss_of(network(disturbed(seen[some].float())), over[some]).backward()
            optimizer.step()
            schedule.step()
        print(
            f"round {epoch}: held-out ends above cuts {ranked(network, seen[held_out], over[held_out]):.3f}", flush=True
        )
    return network


def batches(chosen: NDArray[np.int64], count: int, epoch: int) -> Iterator[NDArray[np.int64]]:
    """All of them, in so many parts, in another order each time."""
    yield from np.array_split(np.random.default_rng(epoch).permutation(chosen), count)


def disturbed(seen: torch.Tensor) -> torch.Tensor:
    """Some beginnings, some bands and the levels of all are not to be relied on."""
    if torch.rand(()) < 0.5:
        seen[:, :, : int(torch.randint(0, 120, ()))] = 0
    band = int(torch.randint(0, 40, ()))
    seen[:, band : band + int(torch.randint(0, 8, ()))] = 0
    seen[:, :40] += 0.15 * torch.randn(len(seen), 40, 1)
    return seen


def ranked(network: Net, seen: torch.Tensor, over: torch.Tensor) -> float:
    """How often an end has higher log-odds than a cut."""
    network.eval()
    with torch.no_grad():
        log_odds = network(seen.float())
    ends, mids = log_odds[over == 1].sort().values, log_odds[over == 0]
    return float(1 - torch.searchsorted(ends, mids).float().mean() / len(ends))


def stored(network: Net) -> dict[str, NDArray[np.float16]]:
    """The arrays of the weights' file."""
    layers = {f"conv{number}": layer for number, layer in enumerate(network.convolutions)}
    layers |= {"hidden": network.hidden, "output": network.output}
    return {
        f"{name}.{part}": getattr(layer, part).detach().numpy().astype(np.float16)
        for name, layer in layers.items()
        for part in ("weight", "bias")
    }


if __name__ == "__main__":
    main()
