"""What tests of every part share, and the order in which they run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.definition import AgentDefinition, check_agent, load_agent
from vivavoce_api import Catalog

STARTED = pytest.StashKey[float]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """`make test` sets it; `make test-all` does not."""
    parser.addoption("--budget-min", type=float, help="begin no slow test after so many minutes, but skip it")


def pytest_configure(config: pytest.Config) -> None:
    """The budget counts from here."""
    config.stash[STARTED] = time.monotonic()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The quick ones first, those that take minutes last: what fails is soon known, what is skipped are the dearest."""
    items.sort(key=lambda item: 2 if item.get_closest_marker("long") else bool(item.get_closest_marker("slow")))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what the budget has no time for."""
    budget_min, took_s = item.config.getoption("--budget-min"), time.monotonic() - item.config.stash[STARTED]
    if item.get_closest_marker("slow") and budget_min is not None and took_s > budget_min * 60:
        file = item.nodeid.partition("::")[0]
        pytest.skip(f"{file}: the budget of {budget_min:g} minutes is spent; `make test-all` has none")


@pytest.fixture(scope="session")
def load_or_skip() -> Callable[[Path], AgentDefinition]:
    """Load an agent's file; where a plugin that it names is not installed, the test is skipped and says which.

    `make setup` installs all of them, unless a plugin's folder was deleted.
    """
    catalog = Catalog.installed()

    def load(path: Path) -> AgentDefinition:
        missing = check_agent(path, catalog).missing
        if missing:
            pytest.skip("; ".join(f"needs {one.package}: pip install {one.package}" for one in missing))
        return load_agent(path, catalog)

    return load
