"""What takes the place of packages that voxtream imports and, while it speaks, never calls.

Left out of the environment are `g2p_en` (tries to download two data sets when it is imported), `nltk` (for g2p_en
alone), `datasets` with pandas and pyarrow (training), `PIL` (images) and `transformers` (the enhancement of noisy
samples, which this plugin does not offer). Together they are 500 MB and ten seconds at every start.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, NoReturn

UNUSED = ("g2p_en", "nltk", "datasets", "PIL", "PIL.Image", "transformers", "transformers.audio_utils")


class StandIn(ModuleType):
    """A module that has every name, and nothing behind it: calling any of them says what is missing."""

    def __init__(self, name: str) -> None:
        super().__init__(name, "Not installed; nothing that is used here needs it.")
        self.__spec__ = ModuleSpec(name, None)
        self.__path__ = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def missing(*_: Any, **__: Any) -> NoReturn:
            raise ImportError(f"{self.__name__} is not installed beside voxtream: {name} can't be used")

        return type(name, (), {"__init__": missing})


def stand_in_for_unused() -> None:
    """Make `import` of the packages that are not installed succeed, in this process from now on."""
    for name in UNUSED:
        if name not in sys.modules and not _is_installed(name):
            sys.modules[name] = StandIn(name)


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
