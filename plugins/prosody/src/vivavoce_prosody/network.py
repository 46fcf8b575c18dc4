"""The network: four convolutions over time, the last moment and the mean of them, and two layers on top.

Plain numpy: at this size a runtime of its own would cost more than it saves. The weights are a file of this package,
fitted by `benchmarks/turn_policy/fit_prosody.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from vivavoce_prosody.features import CHANNELS, FRAMES

WEIGHTS_FILE = "weights.npz"
STRIDES = (2, 2, 2, 1)

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Layer:
    """`weight`: (outputs, inputs), of a convolution (outputs, inputs, frames); `bias`: (outputs,)."""

    weight: Array
    bias: Array


class Network:
    """Weights, once read. Holds no state: any number of threads may ask it."""

    def __init__(self, convolutions: tuple[Layer, ...], hidden: Layer, output: Layer) -> None:
        self._convolutions = convolutions
        self._hidden = hidden
        self._output = output

    @classmethod
    def read(cls) -> Network:
        """The network that comes with this package."""
        with np.load(BytesIO((files(__package__) / WEIGHTS_FILE).read_bytes())) as stored:
            layers = {
                name: Layer(stored[f"{name}.weight"].astype(np.float32), stored[f"{name}.bias"].astype(np.float32))
                for name in ("conv0", "conv1", "conv2", "conv3", "hidden", "output")
            }
        convolutions = tuple(layers[f"conv{n}"] for n in range(len(STRIDES)))
        return cls(convolutions, layers["hidden"], layers["output"])

    def log_odds(self, seen: Array) -> float:
        """That the speaker has finished, of features (CHANNELS, FRAMES), where ends and pauses are equally frequent."""
        if seen.shape != (CHANNELS, FRAMES):
            raise ValueError(f"features of shape {seen.shape}, not {(CHANNELS, FRAMES)}")
        for layer, stride in zip(self._convolutions, STRIDES, strict=True):
            seen = _relu(_convolved(seen, layer, stride))
        pooled = np.concatenate([seen[:, -1], seen.mean(axis=1)])
        hidden = _relu(self._hidden.weight @ pooled + self._hidden.bias)
        return float((self._output.weight @ hidden + self._output.bias)[0])


def _convolved(seen: Array, layer: Layer, stride: int) -> Array:
    """(inputs, frames) to (outputs, fewer frames): no padding."""
    outputs, inputs, width = layer.weight.shape
    windows = np.lib.stride_tricks.sliding_window_view(seen, width, axis=1)[:, ::stride]
    columns = windows.transpose(0, 2, 1).reshape(inputs * width, -1)
    return layer.weight.reshape(outputs, -1) @ columns + layer.bias[:, None]


def _relu(values: Array) -> Array:
    return np.maximum(values, 0)
