"""`vivavoce doctor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import output_console

COLOURS = {"ok": "green", "note": "yellow", "wrong": "bold red"}


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    port: Annotated[int, typer.Option(help="The port that should be free.", min=1, max=65535)] = 8000,
) -> None:
    """Look at this machine: what vivavoce needs, what is missing, and the line that mends it.

    Exits with 1 where something is wrong that no agent can do without; a note is something that some agents need.

    [bold]Examples[/bold]

      vivavoce doctor

      vivavoce doctor --json
    """
    from vivavoce.cli.checkup import all_findings

    findings = all_findings(port)
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = output_console()
        for finding in findings:
            label = (f"{finding.state:<6}", COLOURS[finding.state])
            console.print(Text.assemble(label, (f"{finding.subject:<12}", "bold"), finding.text))
            if finding.fix is not None:
                console.print(Text.assemble(" " * 18, ("fix: ", "bold"), finding.fix))
    if any(finding.state == "wrong" for finding in findings):
        raise typer.Exit(1)
