"""What the commands share: consoles, errors in words, and reading an agent's file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from vivavoce_api import Catalog, VivavoceError

if TYPE_CHECKING:
    from vivavoce.definition import AgentDefinition, Choice

AgentFile = Annotated[Path, typer.Argument(metavar="AGENT.yaml", help="The agent's YAML file.", show_default=False)]


def output_console() -> Console:
    """For results: standard output."""
    return Console(highlight=False, soft_wrap=True)


def error_console() -> Console:
    """For errors, warnings and progress: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def show_error(error: Exception) -> None:
    """Tell an error on standard error; one that is none of ours is a defect, and is told as such."""
    if isinstance(error, VivavoceError):
        show_failure(error.message, error.fix)
    else:
        show_failure(
            f"{type(error).__name__}: {error}", "run it again with `vivavoce --debug ...` and report what it shows"
        )


def show_failure(message: str, fix: str | None = None) -> None:
    """An error and, where one is known, the line that mends it, on standard error."""
    console = error_console()
    console.print(Text.assemble(("error: ", "bold red"), message))
    if fix is not None:
        console.print(Text.assemble(("  fix: ", "bold"), fix))


def read_agent(path: Path) -> AgentDefinition:
    """The definition in a file, checked against the installed plugins. Raises `ConfigurationError`."""
    from vivavoce.definition import load_agent

    return load_agent(path, Catalog.installed())


def engine_label(choice: Choice) -> str:
    """A plugin with the model that it was told to use, for people: `whisper (base)`."""
    model = getattr(choice.options, "model", None)
    return f"{choice.offer.name} ({model})" if isinstance(model, str) else choice.offer.name


def engine_labels(definition: AgentDefinition) -> dict[str, str]:
    """The label of each engine that the agent loads, by the section of the YAML (`tts`, or `tts[0]` in a list)."""
    from vivavoce.engines import one_by_one

    return {key: engine_label(choice) for key, choice in one_by_one(definition).items()}
