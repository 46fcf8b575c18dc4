"""Finding libopus without apt: PyAV's wheel carries one."""

from __future__ import annotations

import ctypes.util
import importlib
import importlib.util
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from vivavoce_api.errors import PrerequisiteError

CARRIED_BY_PYAV = ("av.libs/libopus-*.so*", "av/.dylibs/libopus*.dylib", "av.libs/*opus-*.dll")
"""Where PyAV's wheels for Linux, macOS and Windows keep it, relative to site-packages."""

_import_lock = threading.Lock()


def locate_libopus() -> str | None:
    """Path or name of a libopus that can be loaded: PyAV's own, else the system's, else None."""
    av = importlib.util.find_spec("av")
    if av is not None and av.origin is not None:
        site_packages = Path(av.origin).parent.parent
        for pattern in CARRIED_BY_PYAV:
            for path in sorted(site_packages.glob(pattern)):
                return str(path)
    return ctypes.util.find_library("opus")


def load_opuslib() -> ModuleType:
    """Import `opuslib` with its decoder and encoder, on the libopus of `locate_libopus`.

    Raises `PrerequisiteError` when there is none, or when it can't be loaded.
    """
    with _import_lock:
        location = locate_libopus()
        if location is None:
            raise PrerequisiteError("libopus, which decodes the client's audio, was not found", fix="pip install av")
        with _find_library_answers("opus", location), warnings.catch_warnings():
            # opuslib 3.0.1 compares integers with `is not`; Python warns when it compiles that.
            warnings.simplefilter("ignore", SyntaxWarning)
            try:
                return importlib.import_module("opuslib")
            except (OSError, AttributeError) as error:
                raise PrerequisiteError(
                    f"libopus at {location} can't be used: {error}", fix="pip install --force-reinstall av"
                ) from error


@contextmanager
def _find_library_answers(name: str, location: str) -> Iterator[None]:
    """opuslib asks `ctypes.util.find_library`, which only knows the system's folders: answer for it meanwhile."""
    original = ctypes.util.find_library
    ctypes.util.find_library = lambda asked: location if asked == name else original(asked)
    try:
        yield
    finally:
        ctypes.util.find_library = original
