"""libopus is found where PyAV keeps it, and nothing stays patched."""

import ctypes.util
import sys

import pytest

from vivavoce.audio import libopus
from vivavoce_api.errors import PrerequisiteError


@pytest.fixture
def forgotten_opuslib(monkeypatch):
    for name in [name for name in sys.modules if name == "opuslib" or name.startswith("opuslib.")]:
        monkeypatch.delitem(sys.modules, name)


def test_pyavs_library_is_found():
    location = libopus.locate_libopus()
    assert location is not None
    assert "av" in location


def test_system_library_is_the_fall_back(monkeypatch):
    monkeypatch.setattr(libopus, "CARRIED_BY_PYAV", ())
    monkeypatch.setattr(ctypes.util, "find_library", lambda name: f"lib{name}.so.0")
    assert libopus.locate_libopus() == "libopus.so.0"


def test_loading_leaves_find_library_alone(forgotten_opuslib):
    before = ctypes.util.find_library
    assert libopus.load_opuslib().api.libopus is not None
    assert ctypes.util.find_library is before


@pytest.mark.parametrize("location", [None, "/nonexistent/libopus.so"])
def test_a_missing_library_says_what_to_install(forgotten_opuslib, monkeypatch, location):
    before = ctypes.util.find_library
    monkeypatch.setattr(libopus, "locate_libopus", lambda: location)
    with pytest.raises(PrerequisiteError) as raised:
        libopus.load_opuslib()
    assert "pip install" in (raised.value.fix or "")
    assert ctypes.util.find_library is before
