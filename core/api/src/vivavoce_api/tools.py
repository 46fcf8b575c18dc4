"""Tools: functions that the language model may ask for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from vivavoce_api.language_model import ToolSpec


class Tool(Protocol):
    """A loaded tool, shared by all sessions. It runs only after the user's turn is committed."""

    @property
    def spec(self) -> ToolSpec:
        """What the language model is told about it."""
        ...

    async def call(self, arguments: Mapping[str, Any]) -> str:
        """Run it; `arguments` was checked against `spec.parameters`. Raises `EngineError`. Cancelled on barge-in."""
        ...

    async def close(self) -> None:
        """Free what it holds. Idempotent."""
        ...
