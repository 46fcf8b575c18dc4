"""One JSON Schema for agent files, merged from the options of all installed plugins, for editors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from vivavoce.definition.agent import LISTS, SECTION_KINDS, SWITCHES, AgentDefinition
from vivavoce.definition.choice import ISOLATION_LEVELS, MAX_LISTED, NEVER_ISOLATED, ListedKeys, options_schema
from vivavoce.definition.known import KNOWN_PLUGINS, NAMES_OF_KINDS
from vivavoce_api import Catalog, Entry, Kind

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FROM_ENVIRONMENT = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "${NAME} or ${NAME:-default}, from the environment",
}
"""Goes into the definitions as `from-environment`."""
_FROM_ENVIRONMENT = {"$ref": "#/$defs/from-environment"}


def agent_schema(catalog: Catalog) -> dict[str, Any]:
    """The JSON Schema of an agent's YAML.

    A section that names a plugin is a union discriminated by its key `plugin`; some sections may also list plugins. A
    known plugin that is not installed is accepted with any options, as nobody here knows them. Any value but text may
    also be a reference to the environment.
    """
    schema = AgentDefinition.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    for model in (schema, *definitions.values()):
        allow_references(model, definitions)
    for kind in (*SECTION_KINDS.values(), Kind.TOOL):
        definitions[kind.value] = plugin_section(kind, catalog, definitions)
    for name, kind in SECTION_KINDS.items():
        section = _or_list(kind) if name in LISTS else _one(kind)
        if name in SWITCHES:
            section = {"anyOf": [section, {"enum": list(SWITCHES[name])}]}
        schema["properties"][name] = {"description": schema["properties"][name]["description"], **section}
    schema["properties"]["tools"]["items"] = {"$ref": f"#/$defs/{Kind.TOOL.value}"}
    schema["required"] = [name for name in schema["required"] if name in ("name", "instructions", "stt", "llm", "tts")]
    definitions["from-environment"] = FROM_ENVIRONMENT
    return {"$schema": DIALECT, **schema, "title": "vivavoce agent"}


def plugin_section(kind: Kind, catalog: Catalog, definitions: dict[str, Any]) -> dict[str, Any]:
    """The union of all plugins of a kind: `plugin` says which one's options apply."""
    installed = {entry.offer.name: entry for entry in catalog.of_kind(kind)}
    absent = {name: package for name, package in KNOWN_PLUGINS.get(kind, {}).items() if name not in installed}
    descriptions = [entry.offer.summary for entry in installed.values()]
    descriptions += [f"not installed: pip install {package}" for package in absent.values()]
    names = {"enum": [*installed, *absent], "enumDescriptions": descriptions}
    branches = []
    for name, entry in installed.items():
        reference = _options(kind, entry, definitions)
        branches.append({"if": {"properties": {"plugin": {"const": name}}}, "then": reference})
    return {
        "type": "object",
        "title": f"{NAMES_OF_KINDS[kind]} plugin",
        "required": ["plugin"],
        "properties": {
            "plugin": {"description": f"Which {NAMES_OF_KINDS[kind]} plugin", "anyOf": [names, _FROM_ENVIRONMENT]}
        },
        **({"allOf": branches} if branches else {}),
    }


def _one(kind: Kind) -> dict[str, Any]:
    """One plugin, without the keys that only listed ones have."""
    reference = {"$ref": f"#/$defs/{kind.value}"}
    return (
        {**reference, "properties": dict.fromkeys(ListedKeys.model_fields, False)} if kind.value in LISTS else reference
    )


def _or_list(kind: Kind) -> dict[str, Any]:
    """One plugin, or a list of plugins."""
    items = {"$ref": f"#/$defs/{kind.value}"}
    return {
        "if": {"type": "array"},
        "then": {"type": "array", "minItems": 1, "maxItems": MAX_LISTED, "items": items},
        "else": _one(kind),
    }


def _options(kind: Kind, entry: Entry, definitions: dict[str, Any]) -> dict[str, str]:
    """Put the options of an offer among the definitions, its own definitions under a prefix; the reference to it."""
    prefix = re.sub(r"[^A-Za-z0-9_-]", "-", f"{kind.value}-{entry.offer.name}")
    options = options_schema(entry.offer.options, ref_template=f"#/$defs/{prefix}-{{model}}")
    own = {f"{prefix}-{name}": definition for name, definition in options.pop("$defs", {}).items()}
    definitions.update(own)
    for model in (options, *own.values()):
        allow_references(model, own)
    properties = options.setdefault("properties", {})
    properties["plugin"] = {"description": entry.offer.summary}
    if kind not in NEVER_ISOLATED:
        properties["isolation"] = _isolation(entry.offer.isolation.default)
    if kind.value in LISTS:
        listed = ListedKeys.model_json_schema()
        allow_references(listed, {})
        properties |= listed["properties"]
    options["description"] = f"{entry.offer.summary} ({entry.distribution} {entry.version}, {entry.offer.licence})"
    definitions[prefix] = options
    return {"$ref": f"#/$defs/{prefix}"}


def _isolation(default: str) -> dict[str, Any]:
    description = (
        "Where the engine runs: none (in the server), process (in a process of its own, so that a crash costs one"
        " turn), environment (in a process with a virtual environment of its own, which is built when needed)."
    )
    levels = {"enum": list(ISOLATION_LEVELS)}
    return {"description": description, "default": default, "anyOf": [levels, _FROM_ENVIRONMENT]}


def allow_references(model: Mapping[str, Any], definitions: Mapping[str, Any]) -> None:
    """Let every property that is not free text, a list or a section also be `${NAME}`, in place."""
    for name, inner in model.get("properties", {}).items():
        inner.pop("title", None)  # made from the name by pydantic, which editors show anyway
        resolved = definitions.get(inner.get("$ref", "").rsplit("/", 1)[-1], inner)
        if _refuses_references(resolved):
            outer = {key: inner.pop(key) for key in ("description", "default") if key in inner}
            model["properties"][name] = {**outer, "anyOf": [inner, _FROM_ENVIRONMENT]}


def _refuses_references(schema: Mapping[str, Any]) -> bool:
    if schema.get("type") == "string":
        return any(key in schema for key in ("enum", "const", "pattern", "maxLength", "format"))
    return schema.get("type") in ("integer", "number", "boolean") or any(
        k in schema for k in ("enum", "const", "anyOf")
    )
