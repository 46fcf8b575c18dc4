"""From an agent's YAML file to its checked definition."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from vivavoce.definition.agent import DEFAULT_SECTIONS, LISTS, SECTION_KINDS, SWITCHES, AgentDefinition
from vivavoce.definition.choice import MissingPlugin, Resolver
from vivavoce.definition.document import Document, read_document
from vivavoce.definition.environment import expand_environment
from vivavoce.definition.problem import KeyPath, Problem, error_of
from vivavoce.definition.words import explain
from vivavoce_api import Catalog, Kind, LanguageModelCapabilities


@dataclass(frozen=True, slots=True)
class AgentReport:
    """What a check of a file found.

    `problems` are faults of the file. `missing` are known plugins that it asks for and that are not installed
    here: the file may well be right. `definition` is there when both are empty.
    """

    path: Path
    definition: AgentDefinition | None
    problems: tuple[Problem, ...]
    missing: tuple[MissingPlugin, ...]

    @property
    def install_command(self) -> str | None:
        """The command that installs what is missing."""
        packages = sorted({missing.package for missing in self.missing})
        return f"pip install {' '.join(packages)}" if packages else None


def load_agent(path: Path | str, catalog: Catalog, environ: Mapping[str, str] = os.environ) -> AgentDefinition:
    """The checked definition in the file at `path`; loads no engine.

    Raises one `ConfigurationError` that tells everything that is wrong with the file, missing plugins included.
    """
    report = check_agent(path, catalog, environ)
    if report.definition is None:
        raise error_of([*report.problems, *(missing.problem for missing in report.missing)])
    return report.definition


def check_agent(path: Path | str, catalog: Catalog, environ: Mapping[str, str] = os.environ) -> AgentReport:
    """Check the file at `path`. Raises `ConfigurationError` where it can't be read as YAML at all."""
    path = Path(path)
    document = read_document(path)
    originals = expand_environment(document, environ)
    resolver = Resolver(document, catalog, originals, path.parent, missing=[])
    values = _with_choices(document, resolver)
    definition = _validated(values, document, originals)
    if definition is not None:
        definition._path = path
        _check_tools(definition, document, catalog)
    if document.problems or resolver.missing:
        definition = None
    return AgentReport(path, definition, tuple(document.problems.values()), tuple(resolver.missing))


def _with_choices(document: Document, resolver: Resolver) -> dict[str, Any]:
    """The document's values with a choice (or None, where it has a problem) for each section that names a plugin."""
    values = {**DEFAULT_SECTIONS, **document.data}
    for section, kind in SECTION_KINDS.items():
        if section not in values or values[section] in SWITCHES.get(section, ()):
            continue
        resolve = resolver.resolve_listed if section in LISTS else resolver.resolve
        values[section] = resolve(kind, values[section], (section,))
    if isinstance(values.get("tools"), list):
        tools = enumerate(values["tools"])
        values["tools"] = [resolver.resolve(Kind.TOOL, tool, ("tools", index)) for index, tool in tools]
    return values


def _validated(values: dict[str, Any], document: Document, originals: Mapping[KeyPath, str]) -> AgentDefinition | None:
    try:
        return AgentDefinition.model_validate(values)
    except ValidationError as error:
        for keys, words in explain(error, AgentDefinition.model_json_schema(), values, "key of an agent", originals):
            if not _has_no_choice(keys, values):
                document.report(keys, words)
    return None


def _check_tools(definition: AgentDefinition, document: Document, catalog: Catalog) -> None:
    """Report language models that would never call the agent's tools, as their offers say."""
    for index, choice in enumerate(definition.llm.listed if definition.tools else ()):
        if isinstance(choice.offer.capabilities, LanguageModelCapabilities) and not choice.offer.capabilities.tools:
            able = [
                entry.offer.name
                for entry in catalog.of_kind(Kind.LANGUAGE_MODEL)
                if isinstance(entry.offer.capabilities, LanguageModelCapabilities) and entry.offer.capabilities.tools
            ]
            keys = ("llm", index) if definition.llm.fallbacks else ("llm",)
            others = f"; these do: {', '.join(able)}" if able else ""
            document.report(keys, f"'{choice.offer.name}' calls no tools, and the agent has some{others}")


def _has_no_choice(keys: KeyPath, values: Mapping[str, Any]) -> bool:
    """Whether the error at `keys` only says that a section has no choice; why not was told when it was resolved."""
    section = keys[0] if keys else None
    return (section in SECTION_KINDS and section in values) or (section == "tools" and len(keys) > 1)
