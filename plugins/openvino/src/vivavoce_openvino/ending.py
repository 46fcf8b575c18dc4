"""Is the message over? Read from the model's inner state, by weights that were fitted to it beforehand.

A language model says how likely a message ends by the probability of the tokens that end one. That is not all it
knows: a linear reading of one of its layers, together with that probability, tells ends from pauses better, in next to
no time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

FLOOR = 0.001
"""Added to the probability on both sides, so that its log-odds stay finite."""


@dataclass(frozen=True, slots=True)
class EndingHead:
    """Log-odds that a message is over: a weighted sum of the state, of the log-odds of an ending token, and a bias.

    The state is what goes into layer `layer`, [size] float32, divided by its root mean square. Weights, [size], and the
    rest come from `benchmarks/turn_policy/fit_head.py`.
    """

    layer: int
    weights: np.ndarray
    end_weight: float
    bias: float

    def probability(self, state: np.ndarray, end_probability: float) -> float:
        """That the message is over, 0 to 1."""
        scaled = state / math.sqrt(float(state @ state) / len(state))
        end = math.log((end_probability + FLOOR) / (1 - end_probability + FLOOR))
        log_odds = float(scaled @ self.weights) + self.end_weight * end + self.bias
        return 1 / (1 + math.exp(-min(max(log_odds, -30.0), 30.0)))


def head_of(model: str) -> EndingHead | None:
    """The head that was fitted to a model, by the model's name; None where none was."""
    import numpy as np

    file = files("vivavoce_openvino") / "heads" / f"{model}.npz"
    if "/" in model or not file.is_file():
        return None
    with file.open("rb") as opened, np.load(opened, allow_pickle=False) as head:
        return EndingHead(
            int(head["layer"]), head["weights"].astype(np.float32), float(head["end_weight"]), float(head["bias"])
        )
