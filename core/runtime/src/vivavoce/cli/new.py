"""`vivavoce new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from vivavoce.cli.output import output_console

TestableKind = Literal["stt", "llm", "tts", "vad", "turn_detector"]


def create_new() -> typer.Typer:
    """The group `vivavoce new`."""
    app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich")
    app.callback()(new)
    app.command()(plugin)
    return app


def new() -> None:
    """Begin something of your own: a plugin."""


def plugin(
    name: Annotated[str, typer.Argument(help="What the YAML will say: tts: {plugin: NAME}.", show_default=False)],
    kind: Annotated[TestableKind, typer.Option(help="The section of the YAML that it is for.")] = "tts",
    folder: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where its folder is made.", file_okay=False, exists=True)
    ] = Path(),
) -> None:
    """Write a new plugin: a package that can be installed and passes the conformance kit; you fill in one class.

    [bold]Examples[/bold]

      vivavoce new plugin my-voice

      vivavoce new plugin my-ear --kind stt --folder ~/projects
    """
    from vivavoce.cli.scaffold import write_plugin
    from vivavoce_api import Kind

    written = write_plugin(name, Kind(kind), folder)
    engine = next(written.glob("src/*/engine.py"))
    plugin_name = written.name.removeprefix("vivavoce-")
    console = output_console()
    console.print(Text.assemble((f"{written}", "bold green"), " is written, and works as it stands."))
    for label, value in (
        ("Your part", str(engine)),
        ("Install it", f'pip install -e "{written}[test]"'),
        ("Test it", f"pytest {written}"),
        ("Use it", f"{kind}: {{plugin: {plugin_name}}}"),
    ):
        console.print(Text.assemble((f"  {label:<12}", "dim"), value))
