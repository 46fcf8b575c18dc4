"""Does the speaker sound as if they had finished? Read from what Whisper's encoder makes of their last moments.

The encoder was trained to find words, but a weighted sum of its states also tells an end from a pause in mid-sentence:
the voice falls, the last syllable is drawn out. It costs no pass of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FRAMES_A_SECOND = 50
"""States of the encoder: one each 20 ms."""
NEAR_FRAMES, FAR_FRAMES = 3, 5
"""The newest 60 ms, and the 100 ms before, are averaged each."""
MIN_DURATION_S = (NEAR_FRAMES + FAR_FRAMES) / FRAMES_A_SECOND


@dataclass(frozen=True, slots=True)
class EndingHead:
    """Log-odds that the turn is over, where ends and pauses are equally frequent: a weighted sum and a bias.

    `weights`, (2 * size,) float32, are for what `last_moments` gives. They come from
    `benchmarks/turn_policy/fit_whisper.py`.
    """

    weights: np.ndarray
    bias: float

    def probability(self, states: np.ndarray, duration_s: float) -> float | None:
        """That a turn of `duration_s` is over; None of less than 160 ms. `states`: (frames, size), the encoder's."""
        if duration_s < MIN_DURATION_S:
            return None
        log_odds = float(last_moments(states, duration_s) @ self.weights) + self.bias
        return 1 / (1 + math.exp(-min(max(log_odds, -30.0), 30.0)))


def last_moments(states: np.ndarray, duration_s: float) -> np.ndarray:
    """The means of the states at the end of the sound, (2 * size,): the newest first. What follows is padding."""
    import numpy as np

    end = round(duration_s * FRAMES_A_SECOND)
    near, far = states[end - NEAR_FRAMES : end], states[end - NEAR_FRAMES - FAR_FRAMES : end - NEAR_FRAMES]
    return np.concatenate([near.mean(axis=0), far.mean(axis=0)])


def head_of(model: str) -> EndingHead | None:
    """The head that was fitted to a model, by the model's name; None where none was."""
    import numpy as np

    file = files("vivavoce_whisper") / "heads" / f"{model}.npz"
    if "/" in model or not file.is_file():
        return None
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as head:
        return EndingHead(head["weights"].astype(np.float32), float(head["bias"]))
