"""Errors across the border of the process: class, message, fix and `retryable` arrive as they left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vivavoce_api import errors
from vivavoce_api.errors import EngineError, EngineUnavailableError, VivavoceError

TREE: dict[str, type[VivavoceError]] = {
    kind.__name__: kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, VivavoceError)
}


def encode_failure(error: BaseException, name: str) -> dict[str, Any]:
    """An error as JSON's values. A plugin's own class arrives as its nearest base in the tree; an error that is none
    of the tree as an `EngineError` of the engine `name`."""
    known = error if isinstance(error, VivavoceError) else foreign_error(error, name)
    kind = next(base.__name__ for base in type(known).__mro__ if base.__name__ in TREE)
    return {"kind": kind, "message": known.message, "fix": known.fix, "retryable": known.retryable}


def decode_failure(values: Mapping[str, Any]) -> VivavoceError:
    """The error that `encode_failure` was given; an `EngineError` where the values say nothing of use."""
    kind = TREE.get(str(values.get("kind")), EngineError)
    fix = values.get("fix")
    message = str(values.get("message", "the worker failed without a word"))
    return kind(message, fix=None if fix is None else str(fix), retryable=bool(values.get("retryable")))


def foreign_error(error: BaseException, name: str) -> VivavoceError:
    """An error that is none of the tree, as one that is."""
    if is_out_of_memory(error):
        return EngineUnavailableError(f"{name} ran out of memory; its worker process starts again")
    return EngineError(f"{name} failed: {type(error).__name__}: {error}")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, also a GPU's (CUDA's error is named so, and no `MemoryError`), is used up."""
    return isinstance(error, MemoryError) or "OutOfMemory" in type(error).__name__
