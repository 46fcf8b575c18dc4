"""What a deployment's YAML file may say."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from vivavoce.definition.agent import PluginChoice, Section
from vivavoce_api import Kind

Name = Annotated[str, Field(min_length=1, max_length=100)]
Value = Annotated[str, Field(max_length=4_096)]
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

SECTION_KINDS = {"target": Kind.DEPLOYMENT_TARGET, "model_server": Kind.LANGUAGE_MODEL}
"""The sections that name a plugin."""


class DeploymentDefinition(Section):
    """What to run, where, and with which variables and secrets."""

    agent: Path | None = None
    """The agent's YAML file, relative to this one."""

    model_server: PluginChoice | None = None
    """Instead of an agent: the language model's server, run by this plugin, such as `{plugin: vllm, model: ...}`."""

    target: PluginChoice
    """The place to deploy to, and how: `{plugin: modal, ...}`."""

    environment: dict[Name, Value] = Field(default={}, max_length=100)
    """Variables of the container. Nothing else of this machine's environment gets there."""

    secrets: dict[Name, list[Name]] = Field(default={}, max_length=50)
    """Secrets that the target keeps, by name, and the variables that each of them holds."""

    wheels: Path | None = None
    """A folder with wheels: packages that are found there, in the version installed here, come from there and not from
    the package index."""

    @field_validator("environment")
    @classmethod
    def _keys_are_variables(cls, value: dict[str, str]) -> dict[str, str]:
        _check_variables(value)
        return value

    @field_validator("secrets")
    @classmethod
    def _items_are_variables(cls, value: dict[str, list[str]]) -> dict[str, list[str]]:
        _check_variables(name for names in value.values() for name in names)
        return value

    @model_validator(mode="after")
    def _has_one_service(self) -> DeploymentDefinition:
        if (self.agent is None) == (self.model_server is None):
            raise ValueError("must name either an agent (`agent: ../agents/NAME.yaml`) or a model_server, and not both")
        return self


def _check_variables(names: Iterable[str]) -> None:
    for name in names:
        if not VARIABLE.fullmatch(name):
            raise ValueError(f"'{name}' is no name of a variable; write letters, digits and _")
