"""`vivavoce prepare`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import AgentFile, engine_label, engine_labels, error_console, output_console, read_agent
from vivavoce.cli.progress import LoadingDisplay
from vivavoce_api import VivavoceError

if TYPE_CHECKING:
    from vivavoce.definition import AgentDefinition, Choice


def prepare(
    agent: AgentFile,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Build the engines' environments anew; stop the servers that use them first."),
    ] = False,
) -> None:
    """Get ready what an agent's engines need: environments of their own, weights, compiled kernels. Loads no engine.

    What is there already is checked and kept; `vivavoce run` does the same when something is missing. Environments are
    in $VIVAVOCE_CACHE/environments, by default in ~/.cache/vivavoce.

    [bold]Examples[/bold]

      vivavoce prepare agents/therapist.yaml

      VIVAVOCE_CACHE=/data/vivavoce vivavoce prepare agents/therapist.yaml --rebuild
    """
    definition = read_agent(agent)
    labels = {"transport": engine_label(definition.transport), **engine_labels(definition)}
    with LoadingDisplay(error_console(), labels) as display:
        asyncio.run(_prepare_all(definition, display, rebuild))
    output_console().print(Text.assemble((definition.name, "bold green"), " is prepared."))


async def _prepare_all(definition: AgentDefinition, display: LoadingDisplay, rebuild: bool) -> None:
    """Side by side; one after the other where environments are rebuilt, for two engines may share one."""
    from vivavoce.engines import one_by_one, prepare_choice

    choices: dict[str, Choice] = {**one_by_one(definition), "transport": definition.transport}
    if rebuild:
        for section, choice in choices.items():
            await prepare_choice(section, choice, display, rebuild=True)
        return
    try:
        async with asyncio.TaskGroup() as group:
            for section, choice in choices.items():
                group.create_task(prepare_choice(section, choice, display))
    except ExceptionGroup as failures:  # not `except*`: before 3.11.4 it wraps what is raised in it
        for error in failures.exceptions:
            if isinstance(error, VivavoceError):
                raise error from None
        raise
