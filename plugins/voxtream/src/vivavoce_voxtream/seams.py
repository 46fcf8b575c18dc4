"""Where voxtream 0.2.5 is taken apart to be put together differently: names of its modules, replaced for a while."""

# pyright: reportMissingImports=false
# (torch, moshi and voxtream are in the environment of the worker)

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from types import ModuleType
from typing import Any

TINY = {"vocab_size": 8, "num_layers": 1, "num_heads": 1, "num_kv_heads": 1, "embed_dim": 8, "intermediate_dim": 8}


@contextmanager
def replaced(module: ModuleType, **names: Any) -> Iterator[None]:
    """Within the block, `module` has these names."""
    originals = {name: getattr(module, name) for name in names}
    for name, value in names.items():
        setattr(module, name, value)
    try:
        yield
    finally:
        for name, value in originals.items():
            setattr(module, name, value)


@cache
def transformer_sizes() -> dict[str, dict[str, int]]:
    """The sizes of VoXtream's three transformers by their names in its pool, as keywords of torchtune's builder.

    Imports voxtream's models. That import builds all three at once, with three token embeddings of 128,256 words
    (1.6 GB, 8 s) that are thrown away right after; here it is given tiny ones to build, and only asked for the sizes.
    """
    from torchtune.models import llama3_2

    build, sizes_of = llama3_2.llama3_2, {}

    def note(**sizes: int) -> Any:
        model = build(**{**sizes, **TINY})
        sizes_of[id(model)] = sizes
        return model

    with replaced(llama3_2, llama3_2=note):
        from voxtream.utils import model as pool
    return {name: sizes_of[id(model)] for name, model in pool.MODEL_POOL.items()}


def fill_transformer_pool(**other_sizes: int) -> None:
    """New transformers for the next generator: it takes them out of the pool and changes them for good."""
    from torchtune.models import llama3_2

    sizes = transformer_sizes()
    from voxtream.utils import model as pool

    for name, wanted in sizes.items():
        pool.MODEL_POOL[name] = llama3_2.llama3_2(**{**wanted, "vocab_size": TINY["vocab_size"], **other_sizes})
