"""Importing Pipecat without its noise."""

from __future__ import annotations

import importlib
import warnings
from types import ModuleType


def import_quietly(module: str) -> ModuleType:
    """Import a module of Pipecat, or one of ours that imports Pipecat at its top.

    Keeps Pipecat's log from printing (its banner at import, and a line for each step at run time; its errors
    reach us as frames) and leaves out the deprecation warnings that its own modules cause while they are
    imported. `loguru.logger.enable("pipecat")` brings the log back. Called where something is loaded.
    """
    from loguru import logger

    logger.disable("pipecat")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return importlib.import_module(module)
