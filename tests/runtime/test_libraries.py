"""What libraries are told before they are imported, seen from a fresh process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vivavoce.libraries import SETTINGS, settled

ENTRIES = ["vivavoce.cli.main", "vivavoce.deployment.container"]


def told_by(code: str) -> str:
    """What a fresh process prints."""
    environment = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True
    ).stdout


def test_the_settings_of_the_user_win() -> None:
    assert settled({"PATH": "/bin"}) == {**SETTINGS, "PATH": "/bin"}
    assert settled({"OPENBLAS_NUM_THREADS": "3"})["OPENBLAS_NUM_THREADS"] == "3"


@pytest.mark.parametrize("entry", ENTRIES)
def test_what_heeds_them_is_not_imported_with_an_entry(entry: str) -> None:
    assert told_by(f"import sys, {entry}; print(sys.modules.keys() & {{'numpy', 'loguru'}})") == "set()\n"


@pytest.mark.skipif(not os.path.exists("/proc/self/task"), reason="needs Linux, which lists a process's threads")
def test_numpy_starts_no_threads() -> None:
    multiply = "import numpy; numpy.ones((500, 500)) @ numpy.ones((500, 500))"
    count = "import os; print(len(os.listdir('/proc/self/task')))"
    assert told_by(f"import vivavoce.libraries as it; it.settle_libraries(); {multiply}; {count}") == "1\n"
