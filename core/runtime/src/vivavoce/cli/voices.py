"""`vivavoce voices`."""

from __future__ import annotations

import json
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text
from typer.core import TyperGroup

from vivavoce.cli.output import AgentFile, output_console, read_agent
from vivavoce_api import ClonesVoices, ConfigurationError, VivavoceError

if TYPE_CHECKING:
    from vivavoce.definition import Choice

CONSENT = "Has the person whose voice this is agreed to have it cloned?"


class ListFirst(TyperGroup):
    """Commands of which one can be left out: `voices AGENT.yaml` means `voices list AGENT.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default in where no command is named and no help is asked for."""
        first = args[0] if args else ctx.help_option_names[0]
        if first not in self.commands and first not in ctx.help_option_names:
            args = ["list", *args]
        return super().parse_args(ctx, args)


def create_voices() -> typer.Typer:
    """The command and its subcommands, to be added to an application as `voices`."""
    app = typer.Typer(
        cls=ListFirst, no_args_is_help=True, rich_markup_mode="rich", subcommand_metavar="[list|add] AGENT.yaml ..."
    )
    app.callback()(voices)
    app.command(name="list")(list_voices)
    app.command(name="add")(add)
    return app


def voices() -> None:
    """List the voices that an agent can speak with, or add one that is cloned from a sample.

    [bold]vivavoce voices AGENT.yaml[/bold] is short for [bold]vivavoce voices list AGENT.yaml[/bold].

    [bold]Examples[/bold]

      vivavoce voices agents/therapist.yaml

      vivavoce voices add agents/therapist.yaml anna recording.m4a
    """


def list_voices(agent: AgentFile, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List an agent's voices, the one that it speaks with first, and look whether each sample is good."""
    choice = _voice_choice(agent)
    if not isinstance(choice.options, ClonesVoices):
        rows = [{"name": name} for name in choice.offer.capabilities.voices or ()]
    else:
        rows = [_row(choice.options, name, path) for name, path in choice.options.voice_files().items()]
    if as_json:
        typer.echo(json.dumps({"plugin": choice.offer.name, "voices": rows}, indent=2))
        return
    _show(choice, rows)


def add(
    agent: AgentFile,
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="Small letters and digits, such as anna.", show_default=False)
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A recording of one voice, in any format.", show_default=False),
    ],
    consent: Annotated[
        bool, typer.Option("--consent", help="Yes, the person has agreed. For scripts: it is asked otherwise.")
    ] = False,
) -> None:
    """Check a recording, convert it, and put it where the agent looks for its voices.

    3 to 20 s of one person who speaks naturally in a quiet room make a good voice; 10 are best.

    [bold]Examples[/bold]

      vivavoce voices add agents/therapist.yaml anna recording.m4a

      vivavoce voices add agents/therapist.yaml anna recording.wav --consent
    """
    from vivavoce.audio.files import read_audio

    choice = _voice_choice(agent)
    if not isinstance(choice.options, ClonesVoices):
        raise ConfigurationError(f"tts '{choice.offer.name}' has voices of its own and clones none")
    console = output_console()
    console.print(Text(choice.options.voice_reminder, "yellow"))
    if not consent:
        typer.confirm(CONSENT, abort=True)
    path = choice.options.add_voice(name, read_audio(file, choice.offer.capabilities.sample_rate_hz))
    console.print(Text.assemble((name, "bold green"), f" is in {path}"))
    if path not in list(choice.options.voice_files().values())[:1]:
        where = path.relative_to(agent.parent.absolute()) if path.is_relative_to(agent.parent.absolute()) else path
        console.print(
            Text.assemble("Speak with it: ", (f"tts: {{plugin: {choice.offer.name}, voice: {where}}}", "bold"))
        )


def _voice_choice(agent: Path) -> Choice:
    """What the agent speaks with: of several plugins the first that clones voices, else the first."""
    listed = read_agent(agent).tts.listed
    return next((choice for choice in listed if isinstance(choice.options, ClonesVoices)), listed[0])


def _row(options: ClonesVoices, name: str, path: Path) -> dict[str, Any]:
    try:
        faults = options.voice_faults(path)
    except VivavoceError as error:
        faults = [error.message]
    return {"name": name, "file": str(path), "seconds": _seconds(path), "faults": faults}


def _seconds(path: Path) -> float | None:
    """The length of a wav file; None where it can't be read."""
    try:
        with wave.open(str(path)) as file:
            return round(file.getnframes() / file.getframerate(), 1)
    except (OSError, EOFError, wave.Error, ZeroDivisionError):
        return None


def _show(choice: Choice, rows: list[dict[str, Any]]) -> None:
    console = output_console()
    if not rows:
        console.print(Text(f"{choice.offer.name} names no voices: it takes any that its service knows."))
    width = max((len(row["name"]) for row in rows), default=0)
    for row in rows:
        faults = row.get("faults", [])
        line = Text.assemble((f"{row['name']:<{width}}", "bold red" if faults else "bold green"))
        if row.get("seconds") is not None:
            line.append(f"  {row['seconds']:4.1f} s")
        if "file" in row:
            line.append(f"  {row['file']}", "dim")
        console.print(line)
        for fault in faults:
            console.print(Text(f"{'':<{width}}  {fault}", "yellow"))
    if isinstance(choice.options, ClonesVoices):
        console.print(Text(choice.options.voice_reminder, "dim"))
