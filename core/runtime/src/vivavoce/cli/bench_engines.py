"""`vivavoce bench tts`, `stt` and `llm`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from vivavoce.cli.output import AgentFile, error_console, output_console, read_agent, show_failure
from vivavoce.cli.progress import LoadingDisplay
from vivavoce.libraries import settle_libraries
from vivavoce_api import ConfigurationError

if TYPE_CHECKING:
    from vivavoce.bench.engines import EngineReport, Line
    from vivavoce.bench.measure import Progress as Step
    from vivavoce.definition.choice import Choice

SPEECH = Path("tests/data/speech")

AsJson = Annotated[bool, typer.Option("--json", help="Print everything as JSON.")]
Write = Annotated[
    Path | None,
    typer.Option(metavar="FOLDER", help="Also write the table and the JSON here.", file_okay=False, show_default=False),
]
Note = Annotated[str, typer.Option(metavar="WORDS", help="Put this beside the figures, such as 'machine shared'.")]
Gate = Annotated[str, typer.Option(metavar="NAME=MAX,...", help="Exit with 1 when a figure is larger.")]
Sessions = Annotated[str, typer.Option(metavar="N,N", help="Sessions at once, such as 1,2,4.")]
Plugin = Annotated[
    str, typer.Option(metavar="NAME", help="Which one, where the agent lists several; the first by default.")
]


@dataclass(frozen=True)
class Order:
    """Which plugin of a list is measured, and how its figures are shown, kept and judged."""

    plugin: str
    as_json: bool
    write: Path | None
    note: str
    gates: dict[str, float]

    @classmethod
    def of(cls, plugin: str, as_json: bool, write: Path | None, note: str, gate: str) -> Order:
        """From the options. Raises `ConfigurationError` for a gate that can't be read."""
        from vivavoce.bench import parse_gates

        return cls(plugin, as_json, write, note, parse_gates(gate) if gate else {})


def tts(
    agent: AgentFile,
    streams: Annotated[str, typer.Option(metavar="N,N", help="Voices at once, such as 1,2,4.")] = "1",
    replies: Annotated[int, typer.Option(help="Replies that each speaks.", min=1, max=1_000)] = 8,
    tokens_per_s: Annotated[
        float, typer.Option(help="Pace of the text, in tokens; 0: all of it at once.", min=0, max=10_000)
    ] = 100.0,
    plugin: Plugin = "",
    as_json: AsJson = False,
    write: Write = None,
    note: Note = "",
    gate: Gate = "",
) -> None:
    """Measure an agent's voice: first sound, first audible sample, steadiness, and real-time factor.

    The clock starts when the first word of the text is given, to a warm engine. Network and sound devices are not part
    of it.

    [bold]Example[/bold]

      vivavoce bench tts agents/quickstart.yaml --streams 1,2,4 --gate first_chunk_ms=100,real_time_factor=0.3
    """
    from vivavoce.bench.engines import measure_voice

    pace = f"{tokens_per_s:g} tokens a second" if tokens_per_s else "all of it at once"
    method = f"{replies} replies a stream, from the first word; text: {pace}"
    counts, order = counts_of(streams, "--streams"), Order.of(plugin, as_json, write, note, gate)

    async def measure(engine: Any, choice: Choice, step: Step) -> list[Line]:
        return await measure_voice(engine, counts, replies, tokens_per_s, step)

    _bench("tts", agent, method, order, measure)


def stt(
    agent: AgentFile,
    clips: Annotated[Path, typer.Option(metavar="DIR", help="Recordings, with a transcripts.tsv.")] = SPEECH,
    sessions: Sessions = "1",
    rounds: Annotated[int, typer.Option(help="How often each session says all recordings.", min=1, max=1_000)] = 2,
    plugin: Plugin = "",
    as_json: AsJson = False,
    write: Write = None,
    note: Note = "",
    gate: Gate = "",
) -> None:
    """Measure an agent's ear: from the end of speech to the final transcript, and its word error rate.

    The recordings are said in real time. The clock starts with the last voiced sample.

    [bold]Example[/bold]

      vivavoce bench stt agents/quickstart.yaml --sessions 1,4 --gate final_p95_ms=800,word_error_rate=0.12
    """
    from vivavoce.bench import load_clips
    from vivavoce.bench.engines import measure_hearing

    counts, order = counts_of(sessions, "--sessions"), Order.of(plugin, as_json, write, note, gate)
    said = load_clips(clips)
    method = f"{rounds} x {len(said)} recordings a session, in real time, from the last voiced sample"

    async def measure(engine: Any, choice: Choice, step: Step) -> list[Line]:
        rate_hz = choice.offer.capabilities.sample_rate_hz
        return await measure_hearing(engine, said, counts, rounds, step, sample_rate_hz=rate_hz)

    _bench("stt", agent, method, order, measure)


def llm(
    agent: AgentFile,
    exchanges: Annotated[str, typer.Option(metavar="N,N", help="Earlier exchanges of the conversation.")] = "0,4,12",
    sessions: Sessions = "1",
    replies: Annotated[int, typer.Option(help="Replies that each session asks for.", min=1, max=1_000)] = 5,
    plugin: Plugin = "",
    as_json: AsJson = False,
    write: Write = None,
    note: Note = "",
    gate: Gate = "",
) -> None:
    """Measure an agent's language model: first token, first clause that can be spoken, and tokens a second.

    Once cold, for conversations that it never saw, and once warm, as when the runtime has read along.

    [bold]Example[/bold]

      vivavoce bench llm agents/quickstart.yaml --exchanges 0,8 --sessions 1,4 --gate warm_first_token_ms=300
    """
    from vivavoce.bench.engines import measure_model

    lengths, counts = counts_of(exchanges, "--exchanges", least=0), counts_of(sessions, "--sessions")
    order = Order.of(plugin, as_json, write, note, gate)
    instructions = read_agent(agent).instructions
    method = f"{replies} replies a session, cold and warm, after so many earlier exchanges"

    async def measure(engine: Any, choice: Choice, step: Step) -> list[Line]:
        return await measure_model(engine, instructions, lengths, counts, replies, step)

    _bench("llm", agent, method, order, measure)


def counts_of(text: str, option: str, least: int = 1) -> list[int]:
    """Whole numbers, separated by commas. Raises `ConfigurationError` for anything else, and for none at all."""
    try:
        counts = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        counts = []
    if not counts or any(count < least for count in counts):
        raise ConfigurationError(f"{option} takes whole numbers from {least} on, not '{text}'", fix=f"{option} 1,4")
    return counts


Measure = Callable[[Any, "Choice", "Step"], Awaitable["list[Line]"]]


def _bench(section: str, agent: Path, method: str, order: Order, measure: Measure) -> None:
    from vivavoce.bench.engines import EngineReport, engine_name, machine
    from vivavoce.engines import chosen

    settle_libraries()
    choice = listed(chosen(read_agent(agent))[section], section, order.plugin)
    name = engine_name(choice)
    if choice.isolation != "none":
        method += f"; isolation: {choice.isolation}"
    lines = asyncio.run(_measure(section, choice, name, measure))
    _present(EngineReport(section, name, str(machine()), method, lines, order.note), choice, order)


def listed(choice: Choice, section: str, plugin: str) -> Choice:
    """The plugin of that name, or the first, of those that the section lists. Raises `ConfigurationError`."""
    found = [one for one in choice.listed if plugin in ("", one.offer.name)]
    if not found:
        names = ", ".join(one.offer.name for one in choice.listed)
        raise ConfigurationError(f"the agent's {section} is {names}, not '{plugin}'")
    return found[0]


async def _measure(section: str, choice: Choice, name: str, measure: Measure) -> list[Line]:
    async with _loaded(section, choice, name) as engine:
        with _bar() as bar:
            task = bar.add_task(name, total=None)

            def step(label: str, done: int, total: int) -> None:
                bar.update(task, description=f"{name}: {label}", completed=done, total=total)

            return await measure(engine, choice, step)


@asynccontextmanager
async def _loaded(section: str, choice: Choice, name: str) -> AsyncIterator[Any]:
    from vivavoce.engines import load_choice

    with LoadingDisplay(error_console(), {section: name}) as display:
        engine = await load_choice(section, choice, display)
    try:
        yield engine
    finally:
        await engine.close()


def _bar() -> Progress:
    """On standard error: what is being done, how much of it, and for how long."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = error_console()
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _present(report: EngineReport, choice: Choice, order: Order) -> None:
    from vivavoce.bench import missed_gates
    from vivavoce.bench.engines import machine, published_table, write_results

    published = published_table(choice.offer.name) if report.section == "tts" else None
    if order.as_json:
        print(json.dumps(report.as_json() | {"figures": report.figures()}, indent=1, ensure_ascii=False))
    else:
        _print_tables(report, published)
    if order.write is not None:
        path = write_results(order.write, report, machine(), published)
        error_console().print(Text(f"written to {path}"))
    missed = missed_gates(order.gates, report.figures())
    for line in missed:
        show_failure(f"gate missed: {line}")
    if missed or not report.figures():
        raise typer.Exit(1)


def _print_tables(report: EngineReport, published: list[list[str]] | None) -> None:
    from vivavoce.bench.engines import report_cells, rich_table

    console = output_console()
    for words in (report.engine, report.machine, report.method, report.note):
        if words:
            console.print(Text(words, style="bold" if words is report.engine else ""))
    console.print(rich_table(report_cells(report)))
    if published is not None:
        console.print(rich_table(published, "published, with trained weights"))
    for message in dict.fromkeys(message for line in report.lines for message in line.failures):
        show_failure(message)
