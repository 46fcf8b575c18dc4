"""The compiled model, and what it has read of one conversation. Blocking: everything here runs in one thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openvino as ov
from openvino import opset13 as ops

ROWS = "rows"
LENGTH_AXIS = 2
"""Keys and values are [batch, heads, length, size]."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the model makes of some places in a text: `logits`, [places, vocabulary], of each next token, and the
    `states`, [places, size], that go into the layer that was asked for; None where none was."""

    logits: np.ndarray
    states: np.ndarray | None

    def at(self, place: int) -> Reading:
        """One of the places."""
        one = slice(place, place + 1)
        return Reading(self.logits[one], None if self.states is None else self.states[one])


def compiled(model: Path, threads: int, state_of_layer: int | None = None) -> ov.CompiledModel:
    """The model, ready to run; takes some seconds. Raises `RuntimeError` for files that OpenVINO can't read.

    `state_of_layer`: also show what goes into this layer, from 0.
    """
    core = ov.Core()
    network = core.read_model(model)
    rows = _pick_rows_before_head(network)
    if state_of_layer is not None:
        _show_state(network, rows, state_of_layer)
    settings = {
        "PERFORMANCE_HINT": "LATENCY",
        "NUM_STREAMS": 1,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # the cores are shared with the other engines
        "KV_CACHE_PRECISION": "f32",  # so that cutting the cache off changes nothing in what stays
    }
    return core.compile_model(network, "CPU", settings)


def _pick_rows_before_head(network: ov.Model) -> ov.Node:
    """Compute the likelihoods of the next token at the positions in the new input `rows` alone, not after each token.

    A prompt of 200 tokens would else take 120 MB for them; the head holds a quarter of the weights (0.5B).
    """
    head = network.get_results()[0].input_value(0).get_node()
    while head.get_type_name() != "MatMul":
        head = head.input_value(0).get_node()
    rows = ops.parameter([-1], np.int64, name=ROWS)
    rows.output(0).set_names({ROWS})
    picked = ops.gather(head.input_value(0), rows, ops.constant(np.int64(1)))
    head.input(0).replace_source_output(picked.output(0))
    network.add_parameters([rows])
    network.validate_nodes_and_infer_types()
    return rows


def _show_state(network: ov.Model, rows: ov.Node, layer: int) -> None:
    """Make what goes into a layer, at the positions in `rows`, the second output.

    Every layer begins with a norm, and has another in its middle; each takes a mean, and nothing else does.
    """
    means = [node for node in network.get_ordered_ops() if node.get_type_name() == "ReduceMean"]
    state = means[2 * layer].input_value(0).get_node().input_value(0)
    picked = ops.gather(state, rows, ops.constant(np.int64(1)))
    network.add_results([ops.result(picked)])
    network.validate_nodes_and_infer_types()


class Context:
    """What the model has read of a conversation: tokens, and their keys and values in the model's memory."""

    def __init__(self, model: ov.CompiledModel) -> None:
        self._request = model.create_infer_request()
        self._inputs = {name for model_input in model.inputs for name in model_input.names}
        self._outputs = len(model.outputs)
        self._read: list[int] = []
        self._known: dict[int, Reading] = {}

    def common(self, tokens: Sequence[int]) -> int:
        """How many of these tokens, from the first on, were read and need not be read again."""
        common = 0
        for known, asked in zip(self._read, tokens, strict=False):
            if known != asked:
                break
            common += 1
        return common

    def read(self, tokens: Sequence[int], *after: int) -> Reading:
        """Read `tokens` as far as they were not read yet: what the model makes of it after the first n tokens.

        That is for each n of `after`, which ascend; after all of them where none is given. What was read beyond the
        common beginning is forgotten, unless nothing has to be read.
        """
        after = after or (len(tokens),)
        common = self.common(tokens)
        if len(after) == 1 and after[0] <= common and after[0] in self._known:
            return self._known[after[0]]
        kept = min(common, min(after) - 1)
        self._keep(kept)
        new = np.asarray([tokens[kept:]], np.int64)
        inputs = {
            "input_ids": new,
            "attention_mask": np.ones((1, len(tokens)), np.int64),
            "position_ids": np.arange(kept, len(tokens), dtype=np.int64)[np.newaxis],
            "beam_idx": np.zeros(1, np.int32),
            ROWS: np.array([n - 1 - kept for n in after], np.int64),
        }
        self._read, self._known = [], {}  # should it fail half-way, nothing is known of what the model's memory holds
        self._request.infer({name: value for name, value in inputs.items() if name in self._inputs})
        outputs = [self._request.get_output_tensor(n).data[0].copy() for n in range(self._outputs)]
        found = Reading(outputs[0], outputs[1] if len(outputs) > 1 else None)
        self._read = list(tokens)
        self._known = {n: found.at(place) for place, n in enumerate(after)}
        return found

    def _keep(self, length: int) -> None:
        """Forget all but the first `length` tokens."""
        if length == 0:
            self._request.reset_state()
        elif length < len(self._read):
            for state in self._request.query_state():
                held = state.state.data
                if held.ndim > LENGTH_AXIS:
                    state.state = ov.Tensor(np.ascontiguousarray(held[:, :, :length]))
        self._read = self._read[:length]
