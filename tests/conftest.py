"""What tests of every part share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from vivavoce.definition import AgentDefinition, check_agent, load_agent
from vivavoce_api import Catalog


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
