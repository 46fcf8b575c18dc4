"""The pytest plugin of the conformance kit: the loaded engine as a fixture, and the latency report."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

REPORT = pytest.StashKey[list[str]]()


@pytest.fixture(scope="class")
def vivavoce_loaded(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The engine of a conformance class: loaded once a class, closed (twice) at its end; a `LoadedEngine`."""
    from vivavoce_api.testing.engine import loaded_engine

    assert request.cls is not None, "only for methods of conformance classes"
    lines = request.config.stash.setdefault(REPORT, [])
    with loaded_engine(request.cls(), lines, *filter(None, [getattr(request, "param", None)])) as loaded:
        yield loaded


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of a conformance class that names several ways, or another than the usual one, in each of them."""
    ways = getattr(metafunc.cls, "ways", ())
    if "vivavoce_loaded" in metafunc.fixturenames and ways not in ((), ("here",)):
        metafunc.parametrize("vivavoce_loaded", ways, indirect=True, scope="class")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the conformance classes measured; nothing is ever asserted about it."""
    lines = terminalreporter.config.stash.get(REPORT, [])
    if lines:
        terminalreporter.section("vivavoce conformance: latency (measured here, not asserted)")
        for line in lines:
            terminalreporter.write_line(line)
