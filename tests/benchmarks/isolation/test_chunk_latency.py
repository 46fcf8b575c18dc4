"""The measurement of what a worker adds runs, and prints both ways; what it finds is not judged."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.slow
def test_it_prints_a_row_for_each_way_and_number_of_streams():
    command = [sys.executable, "-m", "benchmarks.isolation", "--streams", "1", "2", "--chunks", "5", "--pace-ms", "1"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200, check=True).stdout
    assert shown.count("this process") == 2
    assert shown.count("a worker") == 2
