"""The order of the tests, and what `--budget-min` leaves out: a run of three that say their names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

TESTS = """
import pytest

@pytest.mark.slow
@pytest.mark.long
def test_of_minutes(): pass

@pytest.mark.slow
def test_of_seconds(): pass

def test_of_milliseconds(): pass
"""
INI = "[pytest]\nmarkers =\n    slow: seconds\n    long: minutes\n"

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    shutil.copy(Path(__file__).with_name("conftest.py"), tmp_path)
    (tmp_path / "test_three.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text(INI)

    def run_pytest(*options: str) -> str:
        command = (sys.executable, "-m", "pytest", "-v", "-rs", "-p", "no:cacheprovider", *options)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    return run_pytest


def test_the_quick_ones_run_first_and_the_longest_last(run: Run) -> None:
    printed = run()
    places = [printed.index(f"test_of_{unit} PASSED") for unit in ("milliseconds", "seconds", "minutes")]
    assert places == sorted(places)


def test_no_slow_one_begins_when_the_budget_is_spent_and_its_file_is_told(run: Run) -> None:
    printed = run("--budget-min", "0")
    assert "1 passed, 2 skipped" in printed
    assert "test_of_milliseconds PASSED" in printed
    assert "[2]" in printed
    assert "test_three.py: the budget of 0 minutes is spent; `make test-all` has none" in printed
    assert "3 passed" in run("--budget-min", "60")
