"""`vivavoce schema`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vivavoce_api import Catalog, ConfigurationError


def schema(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it to this file.", dir_okay=False)
    ] = None,
    deployment: Annotated[bool, typer.Option("--deployment", help="Of deployments' files, not of agents'.")] = False,
) -> None:
    """Print one JSON Schema for agents' YAML files, with the options of all installed plugins.

    Editors complete and check with it where a file begins with [bold]# yaml-language-server:
    $schema=agent.schema.json[/bold]. Write it anew after installing a plugin.

    [bold]Example[/bold]

      vivavoce schema -o agents/agent.schema.json

      vivavoce schema --deployment -o deploy/deployment.schema.json
    """
    from vivavoce.definition import agent_schema
    from vivavoce.deployment.schema import deployment_schema

    make = deployment_schema if deployment else agent_schema
    text = json.dumps(make(Catalog.installed()), indent=2, ensure_ascii=False)
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{output}: can't be written: {error.strerror}") from None
