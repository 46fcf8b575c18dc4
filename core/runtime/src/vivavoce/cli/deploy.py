"""`vivavoce deploy`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import error_console, output_console
from vivavoce_api import Catalog, ConfigurationError


def deploy(
    deployment: Annotated[
        Path, typer.Argument(metavar="DEPLOYMENT.yaml", help="The deployment's YAML file.", show_default=False)
    ],
    target: Annotated[
        str | None, typer.Option(help="Refuse to deploy to any target but this.", show_default=False)
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print what would be deployed, and what is missing; contact nobody.")
    ] = False,
) -> None:
    """Deploy an agent, or a model server, to the target that its deployment file names.

    [bold]Examples[/bold]

      vivavoce deploy deploy/therapist.yaml --dry-run

      vivavoce deploy deploy/therapist.yaml
    """
    from vivavoce.deployment import load_deployment

    loaded = load_deployment(deployment, Catalog.installed())
    if target is not None and target != loaded.target_name:
        raise ConfigurationError(f"{deployment}: deploys to '{loaded.target_name}', not to '{target}'")
    if dry_run:
        output_console().print(loaded.target.describe(loaded.deployment), markup=False)
        return
    for note in loaded.deployment.notes:
        error_console().print(f"note: {note}", markup=False)
    deployed = loaded.target.deploy(loaded.deployment)
    console = output_console()
    console.print(Text.assemble("\n", (loaded.deployment.service.name, "bold green"), " is deployed."))
    console.print(Text.assemble(("  URL          ", "dim"), deployed.url))
    if deployed.dashboard:
        console.print(Text.assemble(("  Dashboard    ", "dim"), deployed.dashboard))
