"""One JSON Schema for deployment files, for editors."""

from __future__ import annotations

from typing import Any

from vivavoce.definition.schema import DIALECT, FROM_ENVIRONMENT, allow_references, plugin_section
from vivavoce.deployment.definition import SECTION_KINDS, DeploymentDefinition
from vivavoce_api import Catalog


def deployment_schema(catalog: Catalog) -> dict[str, Any]:
    """The JSON Schema of a deployment's YAML, merged from the options of all installed targets and model plugins."""
    schema = DeploymentDefinition.model_json_schema()
    definitions = schema.setdefault("$defs", {})
    allow_references(schema, definitions)
    for name, kind in SECTION_KINDS.items():
        definitions[kind.value] = plugin_section(kind, catalog, definitions)
        described = {"description": schema["properties"][name]["description"]}
        schema["properties"][name] = {**described, "$ref": f"#/$defs/{kind.value}"}
    schema["oneOf"] = [{"required": ["agent"]}, {"required": ["model_server"]}]
    definitions["from-environment"] = FROM_ENVIRONMENT
    return {"$schema": DIALECT, **schema, "title": "vivavoce deployment"}
