"""Deployment targets: where `vivavoce deploy` can put an agent."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class DeploymentTarget(Protocol):
    """A place that runs agents."""

    def describe(self, definition: Path) -> str:
        """What deploying this file would do, for `--dry-run`. Raises `ConfigurationError`."""
        ...

    def deploy(self, definition: Path) -> str:
        """Deploy it and return the agent's URL; blocks. Raises `ConfigurationError`, `PrerequisiteError`."""
        ...
