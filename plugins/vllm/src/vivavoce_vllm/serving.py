"""The `vllm serve` command that answers a voice agent soonest, for a card. Flags and defaults of vLLM 0.33.

On by default there, and so not among the flags: prefix caching, chunked prefill, asynchronous scheduling, an event for
each token (`stream_interval` 1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vivavoce_api import ConfigurationError
from vivavoce_api.deployment import ModelService
from vivavoce_vllm.cards import MEMORY_GIB_OF, card_of, memory_share

REQUIREMENT = "vllm==0.33.0"
KEY_VARIABLE = "VLLM_API_KEY"
"""What vLLM itself reads, so that no key stands in a command."""

WORKSPACE_GIB = 2.5
"""Beside the weights: CUDA graphs, activations, and the cache of a few conversations of 4,096 tokens."""

PARSERS = {"qwen": "hermes", "hermes": "hermes", "llama-3": "llama3_json", "mistral": "mistral"}
"""How families of models write tool calls, by a part of their names (vLLM's documentation of tool calling)."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """The model to serve, as the YAML says."""

    name: str | None
    max_model_len: int
    quantization: str | None = None
    tool_call_parser: str | None = None

    @property
    def weights_gib(self) -> float | None:
        """Memory of the weights, estimated from the model's name (`7B`, `AWQ`); None where it tells nothing."""
        found = re.search(r"(?<![A-Za-z0-9.])(\d{1,3}(?:\.\d+)?)[Bb](?![A-Za-z0-9])", self.name or "")
        if found is None:
            return None
        return float(found[1]) * self._bytes_a_weight * 1.1e9 / 2**30  # a "7B" has 7.6 billion weights

    @property
    def _bytes_a_weight(self) -> float:
        hints = f"{self.name} {self.quantization}".lower()
        if re.search(r"awq|gptq|int4|4bit|w4a16|bnb|bitsandbytes|nvfp4", hints):
            return 0.6  # 4 bits, their scales, and the layers that stay whole
        return 1.05 if re.search(r"fp8|int8|w8a8|8bit", hints) else 2.0

    @property
    def parser(self) -> str | None:
        """How it writes tool calls, where that is known."""
        name = (self.name or "").lower()
        known = next((parser for part, parser in PARSERS.items() if part in name), None)
        return self.tool_call_parser or known


def service_of(
    model: ServedModel,
    gpu: str | None,
    beside: Mapping[str, int],
    share: float | None,
    address: tuple[str, int],
    extra: tuple[str, ...],
) -> ModelService:
    """The server's command. `share` overrides what `beside` leaves of the card. Raises `ConfigurationError`."""
    if not model.name:
        raise ConfigurationError(
            "no model is named, so none can be served", fix="set `model`, such as Qwen/Qwen2.5-7B-Instruct"
        )
    host, port = address
    flags = ["--host", host, "--port", str(port), "--max-model-len", str(model.max_model_len)]
    # CUDA graphs for every number of conversations from 1 to 32.
    flags += ["--performance-mode", "interactivity"]
    if gpu is not None:
        flags += _of_card(model, gpu, beside, share)
    elif share is not None:
        flags += ["--gpu-memory-utilization", f"{share:.2f}"]
    elif sharing := [name for name in beside if name in MEMORY_GIB_OF]:
        raise ConfigurationError(
            f"which card {' and '.join(sharing)} share with the model server is not known", fix="add --gpu A100"
        )
    if model.quantization is not None:
        flags += ["--quantization", model.quantization]
    if model.parser is not None:
        flags += ["--enable-auto-tool-choice", "--tool-call-parser", model.parser]
    flags += ["--enable-prompt-tokens-details"]  # the server tells how much of a prompt was cached
    command = ("vllm", "serve", model.name, *flags, *extra)
    return ModelService(model.name, command, port, (REQUIREMENT,), api_key_variable=KEY_VARIABLE)


def _of_card(model: ServedModel, gpu: str, beside: Mapping[str, int], share: float | None) -> list[str]:
    card, count = card_of(gpu)
    share = memory_share(card, beside) if share is None else share
    _check_fit(model, gpu, card.memory_gib * count, share, beside)
    flags = ["--gpu-memory-utilization", f"{share:.2f}"]
    if card.batched_tokens < model.max_model_len:  # the longest prompt in one step
        flags += ["--max-num-batched-tokens", str(model.max_model_len)]
    if count > 1:
        flags += ["--tensor-parallel-size", str(count)]
    return [*flags, *(("--dtype", "half") if card.half_only else ())]


def _check_fit(model: ServedModel, gpu: str, memory_gib: float, share: float, beside: Mapping[str, int]) -> None:
    needed_gib = (model.weights_gib or 0.0) + WORKSPACE_GIB
    if needed_gib <= share * memory_gib:
        return
    others = f" beside {', '.join(beside)}" if beside else ""
    raise ConfigurationError(
        f"{model.name} needs {needed_gib:.0f} GiB or so, and {gpu} has {share * memory_gib:.0f} GiB for it{others}",
        fix="a smaller or quantised model (such as Qwen/Qwen2.5-7B-Instruct-AWQ), a larger card, or a card of its own",
    )
