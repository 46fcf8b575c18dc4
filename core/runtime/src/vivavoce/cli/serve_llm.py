"""`vivavoce serve-llm`."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import error_console, output_console
from vivavoce_api import Catalog, ConfigurationError

if TYPE_CHECKING:
    from vivavoce.cli.model_server import AskedServer
    from vivavoce_api.deployment import ModelService

NOBODY = "none"


def serve_llm(
    file: Annotated[
        Path,
        typer.Argument(metavar="AGENT_OR_DEPLOYMENT.yaml", help="The YAML file of either.", show_default=False),
    ],
    gpu: Annotated[
        str | None,
        typer.Option(help="The card: A100, H100, L4, RTX-4090, H100:2. Default: the deployment's.", show_default=False),
    ] = None,
    beside: Annotated[
        str | None,
        typer.Option(
            help="Engines on the same card, such as whisper,voxtream:4; none. Default: the agent's speech engines.",
            show_default=False,
        ),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    run: Annotated[bool, typer.Option("--run", help="Run the command, and say when it is ready.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Ask the server that runs already: is it ready, does it have the model?")
    ] = False,
    wait_s: Annotated[float, typer.Option(help="Seconds that the server has to get ready.", min=1, max=86_400)] = 1800,
) -> None:
    """Print, or run, the command of the language model's server, with the flags for your card.

    The command alone goes to standard output. Its API key is read from the environment, and stands in no command.

    [bold]Examples[/bold]

      vivavoce serve-llm agents/therapist.yaml --gpu A100

      vivavoce serve-llm agents/therapist.yaml --gpu RTX-4090 --beside none --run

      vivavoce serve-llm agents/therapist.yaml --check
    """
    from vivavoce.cli.model_server import asked_server

    asked = asked_server(file, Catalog.installed(), os.environ)
    if check:
        model = asyncio.run(asked.options.wait_for_server(within_s=wait_s))
        output_console().print(Text.assemble(("ready", "green"), f": {model}"))
        return
    shared = asked.beside if beside is None else parse_beside(beside)
    service = asked.options.model_service(gpu or asked.gpu, beside=shared or None, host=host)
    if run:
        _run(service, asked, host, wait_s)
    else:
        typer.echo(shlex.join(service.command))
        _explain(service)


def parse_beside(text: str) -> dict[str, int]:
    """`whisper,voxtream:4` as names and numbers of processes. Raises `ConfigurationError`."""
    from vivavoce.definition.known import KNOWN_PLUGINS

    known = {name for plugins in KNOWN_PLUGINS.values() for name in plugins}
    found: dict[str, int] = {}
    for one in text.split(",") if text.strip() != NOBODY else ():
        name, _, number = one.strip().partition(":")
        if name not in known or not (number or "1").isdecimal() or not 1 <= int(number or "1") <= 64:
            raise ConfigurationError(
                f"--beside: '{one.strip()[:40]}' is no plugin with a number of processes",
                fix="--beside whisper,voxtream:2, or --beside none",
            )
        found[name] = int(number or "1")
    return found


def _explain(service: ModelService) -> None:
    """What the command needs, for people."""
    console = error_console()
    if service.requirements:
        console.print(f"needs: pip install {' '.join(service.requirements)}", markup=False, style="dim")
    name = service.api_key_variable
    state = "is set: clients need it" if os.environ.get(name) else "is not set: everybody who gets there may use it"
    console.print(f"key:   {name} {state}", markup=False, style="dim")


def _run(service: ModelService, asked: AskedServer, host: str, wait_s: float) -> None:
    from vivavoce.cli.model_server import run_server
    from vivavoce.cli.run import INTERRUPTED

    def ready(url: str, model: str) -> None:
        output_console().print(Text.assemble(("ready", "green"), f": {model} at {url}; Ctrl-C ends it"))

    error_console().print(shlex.join(service.command), markup=False, style="dim")
    try:
        asyncio.run(run_server(service, asked.options, host, wait_s, ready))
    except (asyncio.CancelledError, KeyboardInterrupt):
        error_console().print("stopped")
        raise typer.Exit(INTERRUPTED) from None
