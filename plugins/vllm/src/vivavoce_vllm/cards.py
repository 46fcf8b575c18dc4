"""Graphics cards, and what shares them with the model server."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from vivavoce_api import ConfigurationError

MEMORY_GIB_OF: dict[str, float] = {"whisper": 1.5, "voxtream": 2.2}
"""GPU memory of a process of other engines: Whisper base to small in float16 with its CUDA context; one VoXtream worker
(2.2 GB). Engines that are not here are taken to use none."""

SPARE_GIB = 1.0
"""Left free: the driver, the allocators' rounding, and what grows while everything runs."""

LARGEST_SHARE = 0.9
"""vLLM's own default, 0.92, leaves too little for CUDA graphs on small cards beside a desktop."""


@dataclass(frozen=True, slots=True)
class Card:
    """A card: its memory, the prompt tokens that vLLM prefills in a step by default there, and the type of weights."""

    memory_gib: float
    batched_tokens: int = 2048
    half_only: bool = False


# Defaults of vLLM 0.33 (EngineArgs.get_batch_defaults): 8192 from 70 GiB on, save for the A100; 16384 from 160 GiB on.
CARDS: dict[str, Card] = {
    "A10": Card(22.5),
    "A10G": Card(22.5),
    "A100": Card(40),
    "A100-40GB": Card(40),
    "A100-80GB": Card(80),
    "B200": Card(180, 16384),
    "H100": Card(80, 8192),
    "H200": Card(141, 8192),
    "L4": Card(22.5),
    "L40S": Card(45),
    "RTX-3090": Card(24),
    "RTX-4090": Card(24),
    "RTX-5090": Card(32),
    "RTX-PRO-6000": Card(96, 8192),
    "T4": Card(15, half_only=True),
}
_NAME = re.compile(r"(?:NVIDIA-)?(?:GEFORCE-)?(?P<name>[A-Z0-9-]+?)!?(?::(?P<count>[1-8]))?")


def card_of(gpu: str) -> tuple[Card, int]:
    """The card that `gpu` names (`A100`, `rtx 4090`, `H100:2`), and how many of it.

    Raises `ConfigurationError` for cards that are not known.
    """
    match = _NAME.fullmatch(gpu.strip().upper().replace(" ", "-").replace("_", "-"))
    name = match["name"] if match is not None else ""
    name = re.sub(r"^RTX-?(?=\d)", "RTX-", name)
    if match is None or name not in CARDS:
        raise ConfigurationError(
            f"no card '{gpu}' is known; known are {', '.join(CARDS)}, also as NAME:COUNT", fix="choose the nearest"
        )
    return CARDS[name], int(match["count"] or 1)


def memory_share(card: Card, beside: Mapping[str, int]) -> float:
    """The part of the card's memory that is left beside these engines, each a name and a number of processes."""
    taken_gib = sum(MEMORY_GIB_OF.get(name, 0.0) * number for name, number in beside.items())
    free_gib = card.memory_gib - taken_gib - (SPARE_GIB if taken_gib else 0.0)
    return max(0.0, min(LARGEST_SHARE, int(100 * free_gib / card.memory_gib) / 100))
