"""`vivavoce check`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from vivavoce.cli.output import engine_label, output_console, show_error
from vivavoce_api import Catalog, ConfigurationError

if TYPE_CHECKING:
    from vivavoce.definition import AgentReport


def check(
    files: Annotated[
        list[Path], typer.Argument(metavar="AGENT.yaml...", help="The agents' YAML files.", show_default=False)
    ],
) -> None:
    """Check agents' YAML files: keys, values, plugins, environment. Loads no engine.

    A file that only needs a plugin that is not installed here is valid: check names the package and exits with 0;
    run refuses it. Anything wrong with a file exits with 1.

    [bold]Examples[/bold]

      vivavoce check agents/quickstart.yaml

      vivavoce check agents/*.yaml
    """
    from vivavoce.definition import check_agent
    from vivavoce.definition.problem import error_of

    catalog = Catalog.installed()
    console, failed = output_console(), False
    for path in files:
        try:
            report = check_agent(path, catalog)
            if report.problems:
                raise error_of([*report.problems, *(missing.problem for missing in report.missing)])
        except ConfigurationError as error:
            show_error(error)
            failed = True
            continue
        _show(report, console)
    if failed:
        raise typer.Exit(1)


def _show(report: AgentReport, console: Console) -> None:
    if report.definition is not None:
        engines = ", ".join(engine_label(choice) for choice in report.definition.choices())
        console.print(Text.assemble((f"{report.path}: ", "bold"), ("valid", "green"), f" ({engines})"))
        return
    console.print(Text.assemble((f"{report.path}: ", "bold"), ("valid, but it can't run here yet", "yellow")))
    for missing in report.missing:
        console.print(Text(f"  {missing.problem}; its options could not be checked"))
    console.print(Text.assemble(("  fix: ", "bold"), report.install_command or ""))
