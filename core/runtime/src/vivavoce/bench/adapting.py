"""The agent that is measured: a definition with what the benchmark changes in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vivavoce.bench.rehearsal import JUDGE
from vivavoce.definition.choice import Choice

if TYPE_CHECKING:
    from vivavoce.definition import AgentDefinition


def adapted(
    definition: AgentDefinition, script: str | None, max_sessions: int | None, style: str | None = None
) -> AgentDefinition:
    """`definition` with another script for simulated engines, room for `max_sessions`, another style."""
    changes: dict[str, Any] = {}
    if style is not None:
        changes["turn"] = definition.turn.model_copy(update={"style": style})
    if script is not None and _is_scripted(definition):
        changes["stt"] = _scripted(definition.stt, script)
        if isinstance(definition.completeness, Choice) and definition.completeness.offer.name == JUDGE:
            changes["completeness"] = _scripted(definition.completeness, script)
    if max_sessions is not None and max_sessions > definition.limits.max_sessions:
        changes["limits"] = definition.limits.model_copy(update={"max_sessions": max_sessions})
    return definition.model_copy(update=changes)


def _scripted(choice: Choice, script: str) -> Choice:
    return replace(choice, options=choice.options.model_copy(update={"script": Path(script)}))


def _is_scripted(definition: AgentDefinition) -> bool:
    """Whether the agent's speech-to-text knows beforehand what will be said."""
    return definition.stt.offer.name == "simulated"
