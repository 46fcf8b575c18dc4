"""`vivavoce`: the command line's entry, its global options, and how errors are shown.

Light to import: a command imports what it needs when it runs.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vivavoce.cli.bench import create_bench
from vivavoce.cli.check import check
from vivavoce.cli.deploy import deploy
from vivavoce.cli.doctor import doctor
from vivavoce.cli.logs import configure_logging
from vivavoce.cli.new import create_new
from vivavoce.cli.output import show_error
from vivavoce.cli.plugins import plugins
from vivavoce.cli.prepare import prepare
from vivavoce.cli.run import run
from vivavoce.cli.schema import schema
from vivavoce.cli.serve_llm import serve_llm
from vivavoce.cli.talk import talk
from vivavoce.cli.voices import create_voices
from vivavoce_api import VivavoceError

EPILOG = "Exit codes: 0 well, 1 an error (told in words; --debug adds the traceback), 2 wrong usage of the command."


class ErrorsInWords(TyperGroup):
    """Shows a `VivavoceError` as its message and the line that mends it, and exits with 1."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except VivavoceError as error:
            if ctx.params["debug"]:
                raise
            show_error(error)
            raise typer.Exit(1) from None


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"vivavoce {version('vivavoce')}")
        raise typer.Exit


def options(
    debug: Annotated[bool, typer.Option("--debug", help="Log more, and show tracebacks.")] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Voice agents by configuration: a YAML file says who hears, thinks and speaks; vivavoce runs it.

    Begin with [bold]vivavoce run agents/quickstart.yaml[/bold] and open the address that it prints.
    """
    configure_logging(debug=debug)


def create_app() -> typer.Typer:
    """The command line as a Typer application."""
    app = typer.Typer(
        cls=ErrorsInWords,
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(options)
    for command in (run, talk, check, prepare, plugins, schema, serve_llm, deploy, doctor):
        app.command()(command)
    app.add_typer(create_bench(), name="bench")
    app.add_typer(create_new(), name="new")
    app.add_typer(create_voices(), name="voices")
    return app


def main() -> None:
    """Run the command line and exit."""
    try:
        create_app()()
    except Exception as error:  # the last boundary: no traceback reaches a user who didn't ask for it
        if "--debug" in sys.argv:
            raise
        show_error(error)
        sys.exit(1)
