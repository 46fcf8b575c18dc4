"""`vivavoce talk`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from vivavoce.cli.output import AgentFile, engine_labels, error_console, output_console, read_agent
from vivavoce.cli.progress import LoadingDisplay
from vivavoce.cli.timeline import timeline as show_timeline
from vivavoce.libraries import settle_libraries
from vivavoce_api import ConfigurationError

if TYPE_CHECKING:
    from vivavoce.definition import AgentDefinition
    from vivavoce.talk import TalkResult


def talk(
    agent: AgentFile,
    question: Annotated[
        Path,
        typer.Option(
            "--in", metavar="WAV", help="What the user says.", exists=True, dir_okay=False, show_default=False
        ),
    ],
    reply: Annotated[
        Path | None, typer.Option("--out", metavar="WAV", help="Write the agent's reply here.", dir_okay=False)
    ] = None,
    timeline: Annotated[bool, typer.Option("--timeline", help="Draw which stage worked when.")] = False,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="What a client would say in the address, such as voice=anna. May be repeated.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say a recorded question to an agent, in real time, and show what it heard, its reply, and where the time went.

    The clock runs from the last voiced sample of the question to the first audible sample of the reply. Network and
    sound devices are not part of it.

    [bold]Example[/bold]

      vivavoce talk agents/quickstart.yaml --in question.wav --out reply.wav
    """
    settle_libraries()
    if reply is not None and not reply.parent.is_dir():
        raise ConfigurationError(f"{reply}: can't be written: there is no folder {reply.parent}")
    parameters = _parameters(parameter or [])
    definition = read_agent(agent)
    result = asyncio.run(_talk(definition, question, reply, parameters))
    show_result(result, output_console(), with_timeline=timeline)
    for pretended, sections in _pretenders(definition).items():
        output_console().print(Text(f"{', '.join(sections)} {pretended}", "bold"))
    if reply is not None:
        output_console().print(Text(f"The reply's sound is in {reply}."))


def _pretenders(definition: AgentDefinition) -> dict[str, list[str]]:
    """The sections whose engines only pretend, by the way in which they do."""
    from vivavoce.bench.engines import pretence
    from vivavoce.engines import one_by_one

    found: dict[str, list[str]] = {}
    for section, choice in one_by_one(definition).items():
        if (pretended := pretence(choice)) is not None:
            found.setdefault(pretended, []).append(section)
    return found


def _parameters(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not name or not equals:
            raise typer.BadParameter(f"'{name}{equals}' is not NAME=VALUE", param_hint="--parameter")
    return {name: value for name, _, value in pairs}


async def _talk(
    definition: AgentDefinition, question: Path, reply: Path | None, parameters: dict[str, str]
) -> TalkResult:
    from vivavoce.agent import Agent
    from vivavoce.talk import hold_turn

    agent = Agent(definition)
    try:
        with LoadingDisplay(error_console(), engine_labels(definition)) as display:
            await agent.load(display)
        return await hold_turn(agent, question, reply, parameters)
    finally:
        await agent.close()


def show_result(result: TalkResult, console: Console, *, with_timeline: bool = False) -> None:
    """Transcript, reply, and a latency table by stage, or the timeline in its place."""
    console.print(Text.assemble(("heard  ", "bold"), result.transcript or "(nothing)"))
    console.print(Text.assemble(("reply  ", "bold"), result.reply or "(nothing)"))
    if with_timeline:
        console.print(
            Text(f"\nvoice to voice {result.voice_to_voice_ms:.0f} ms after the last voiced sample\n", "bold")
        )
        console.print(show_timeline(result.stages_ms))
        return
    title = "after the last voiced sample"
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", min_width=len(title))
    table.add_column("stage")
    table.add_column("at, ms", justify="right")
    for stage, at_ms in result.stages_ms.items():
        table.add_row(stage.replace("_", " "), f"{at_ms:.0f}")
    table.add_section()
    table.add_row("voice to voice", f"{result.voice_to_voice_ms:.0f}", style="bold")
    console.print(table)
