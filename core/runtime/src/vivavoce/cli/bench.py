"""`vivavoce bench`."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from typer.core import TyperGroup

from vivavoce.cli.bench_engines import llm, stt, tts
from vivavoce.cli.output import engine_labels, error_console, output_console, read_agent, show_failure
from vivavoce.libraries import settle_libraries
from vivavoce_api import ConfigurationError

if TYPE_CHECKING:
    from vivavoce.bench import Plan, Report, Served
    from vivavoce.definition import AgentDefinition

SPEECH = Path("tests/data/speech")
STYLES = ("eager", "balanced", "patient")
LATE_MS = 50.0
"""A client that is on time but for so much is believed."""


@dataclass(frozen=True)
class Target:
    """A server to be measured: an agent to serve, in another style where one is named, or what runs at `url`."""

    label: str
    agent: Path | None = None
    definition: AgentDefinition | None = None
    engines: Mapping[str, str] = field(default_factory=dict)
    style: str | None = None
    url: str = ""


class AgentFirst(TyperGroup):
    """Commands of which one can be left out: `bench AGENT.yaml` means `bench agent AGENT.yaml`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the default in where no command is named and no help is asked for."""
        first = args[0] if args else ""
        if first not in self.commands and first not in ctx.help_option_names:
            args = ["agent", *args]
        return super().parse_args(ctx, args)


def create_bench() -> typer.Typer:
    """The command and its subcommands, to be added to an application as `bench`."""
    app = typer.Typer(cls=AgentFirst, rich_markup_mode="rich", subcommand_metavar="[agent|tts|stt|llm] AGENT.yaml ...")
    app.callback()(bench)
    app.command(name="agent")(bench_agent)
    for command in (tts, stt, llm):
        app.command()(command)
    return app


def bench() -> None:
    """Measure an agent in conversation, or one of its engines by itself.

    [bold]vivavoce bench AGENT.yaml[/bold] is short for [bold]vivavoce bench agent AGENT.yaml[/bold].

    [bold]Examples[/bold]

      vivavoce bench agents/simulated.yaml --turns 12 --gate p50_ms=300,cut_in_rate=0.05

      vivavoce bench tts agents/quickstart.yaml --streams 1,2,4
    """


def bench_agent(
    agent: Annotated[Path | None, typer.Argument(metavar="AGENT.yaml", help="The agent.", show_default=False)] = None,
    clips: Annotated[Path, typer.Option(metavar="DIR", help="Recordings of people: one utterance each.")] = SPEECH,
    turns: Annotated[int, typer.Option(help="Whole clips to say.", min=0, max=10_000)] = 30,
    pauses: Annotated[bool, typer.Option(help="Also say the clips with pauses of 0.3 to 2 s in mid-sentence.")] = True,
    barge_ins: Annotated[int, typer.Option(help="Replies to talk over.", min=0, max=1_000)] = 3,
    sessions: Annotated[str, typer.Option(metavar="N,N", help="Conversations at once, such as 1,4,8.")] = "",
    against: Annotated[
        Path | None, typer.Option(metavar="OTHER.yaml", help="Measure this agent too, turn about.", show_default=False)
    ] = None,
    styles: Annotated[bool, typer.Option("--styles", help="Measure the agent in all its styles, turn about.")] = False,
    url: Annotated[str | None, typer.Option(help="Measure a server that runs: ws://host:port/ws.")] = None,
    noise_dbfs: Annotated[float, typer.Option(help="Level of the room's noise.", min=-90, max=-20)] = -60.0,
    seed: Annotated[int, typer.Option(help="Draws noise, pauses and gaps.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    chart: Annotated[
        Path | None,
        typer.Option(metavar="FILE.svg", help="Draw the latencies, and beside it (FILE-cut-ins.svg) what they cost."),
    ] = None,
    virtual_time: Annotated[
        bool,
        typer.Option(
            "--virtual-time",
            help="Let the clock stand still while the machine works: turn taking alone, whatever the machine's speed. "
            "Simulated engines only.",
        ),
    ] = False,
    gate: Annotated[str, typer.Option(metavar="NAME=MAX,...", help="Exit with 1 when a figure is larger.")] = "",
) -> None:
    """Talk to an agent with recorded speech, in real time, and measure how soon and how politely it answers.

    The clock runs from the last voiced sample of the user to the first audible sample of the reply, at the client.
    Network and sound devices are not part of it. A turn takes about ten seconds, and less with --virtual-time.

    [bold]Examples[/bold]

      vivavoce bench agents/simulated.yaml --turns 12 --gate p50_ms=300,cut_in_rate=0.05

      vivavoce bench agents/simulated.yaml --styles --chart latency.svg

      vivavoce bench agents/quickstart.yaml --against agents/other.yaml

      vivavoce bench agents/simulated.yaml --virtual-time --gate pause_cut_in_rate=0.05
    """
    from vivavoce.bench import missed_gates, parse_gates

    settle_libraries()
    gates = parse_gates(gate) if gate else {}
    if chart is not None and chart.suffix != ".svg":
        raise ConfigurationError(f"charts are drawn as SVG, not as '{chart.suffix}'", fix=f"--chart {chart.stem}.svg")
    measured = targets(agent, against, url, styles=styles)
    if virtual_time and (url is not None or sessions):
        raise ConfigurationError(
            "--virtual-time serves the agent itself, and holds one conversation at a time",
            fix="leave out --url and --sessions, or --virtual-time",
        )
    plan = _plan(measured, clips, turns, pauses, barge_ins, noise_dbfs, seed)
    if virtual_time:
        reports = _measure_virtually(measured, plan)
    else:
        reports = asyncio.run(_measure(measured, plan, _counts(sessions)))
    show(reports, as_json)
    if chart is not None:
        draw(reports, chart)
    missed = missed_gates(gates, reports[0].figures())
    for line in missed:
        show_failure(f"gate missed: {line}")
    if missed:
        raise typer.Exit(1)


def targets(agent: Path | None, against: Path | None, url: str | None, *, styles: bool) -> list[Target]:
    """What is to be measured. Raises `ConfigurationError`."""
    found: list[Target] = []
    for path in (agent, against):
        if path is not None:
            definition = read_agent(path)
            target = Target(path.stem, path, definition, engine_labels(definition))
            named = [replace(target, label=f"{path.stem} {style}", style=style) for style in STYLES]
            found += named if styles else [target]
    if url is not None:
        found.append(Target(url, url=url))
    if not found:
        raise ConfigurationError("there is nothing to measure", fix="vivavoce bench agents/simulated.yaml")
    labels = [target.label for target in found]
    if len(set(labels)) < len(labels):
        raise ConfigurationError(f"two agents of the same name can't be told apart: {', '.join(labels)}")
    return found


def _counts(text: str) -> list[int]:
    try:
        counts = [int(part) for part in text.split(",") if part.strip()]
    except ValueError:
        counts = [0]
    if any(count < 1 for count in counts):
        raise ConfigurationError(f"--sessions takes whole numbers above 0, not '{text}'", fix="--sessions 1,4,8")
    return counts


def _plan(
    targets: Sequence[Target], folder: Path, turns: int, pauses: bool, barge_ins: int, noise_dbfs: float, seed: int
) -> Plan:
    from vivavoce.bench import PAUSES_MS, Plan, load_clips

    definitions = [target.definition for target in targets if target.definition is not None]
    scripts = [path for definition in definitions if (path := getattr(definition.stt.options, "script", None))]
    return Plan(
        load_clips(folder, scripts[0] if scripts and folder == SPEECH else None),
        turns=turns,
        pauses_ms=PAUSES_MS if pauses else (),
        barge_ins=barge_ins,
        noise_dbfs=noise_dbfs,
        seed=seed,
        greeting=any(definition.greeting for definition in definitions),
    )


async def _measure(targets: Sequence[Target], plan: Plan, sessions: Sequence[int]) -> list[Report]:
    from vivavoce.bench import WebLine, listen, measure_load, measure_side_by_side

    with _Bar() as bar, tempfile.TemporaryDirectory() as folder:
        script = plan.write_script(Path(folder) / "script.json")
        for target in targets:
            if target.definition is not None:
                await listen(target.definition, plan.clips, script, bar.rehearsal(target.label))
        async with AsyncExitStack() as stack:
            servers = {t.label: await _open(stack, t, script, max(sessions, default=1), bar) for t in targets}
            lines = {label: WebLine(server.url) for label, server in servers.items()}
            reports = await measure_side_by_side(lines, plan, bar.turn)
            for label, server in servers.items() if sessions else ():
                pid = server.pid or None
                reports[label].loads = await measure_load(server.url, plan, sessions, pid, bar.crowd(label))
    for target in targets:
        reports[target.label].engines = target.engines
    return list(reports.values())


def _measure_virtually(targets: Sequence[Target], plan: Plan) -> list[Report]:
    from vivavoce.bench import check_virtual, listen, rehearse, run_virtually

    for target in targets:
        check_virtual(_definition(target))
    with _Bar() as bar, tempfile.TemporaryDirectory() as folder:
        scripts = {t.label: plan.write_script(Path(folder) / f"{number}.json") for number, t in enumerate(targets)}
        for target in targets:  # by real models, in real time
            script = scripts[target.label]
            asyncio.run(listen(_definition(target), plan.clips, script, bar.rehearsal(target.label)))
            asyncio.run(rehearse(_definition(target), script, bar.rehearsal(target.label)))
        reports = run_virtually(_measure_here(targets, scripts, plan, bar))
    for target in targets:
        reports[target.label].engines = target.engines
        reports[target.label].virtual_time = True
    return list(reports.values())


async def _measure_here(
    targets: Sequence[Target], scripts: Mapping[str, Path], plan: Plan, bar: _Bar
) -> dict[str, Report]:
    from vivavoce.bench import measure_side_by_side, served_here

    async with AsyncExitStack() as stack:
        servers = {t.label: served_here(_definition(t), script=scripts[t.label], style=t.style) for t in targets}
        lines = {label: await stack.enter_async_context(server) for label, server in servers.items()}
        return await measure_side_by_side(lines, plan, bar.turn)


def _definition(target: Target) -> AgentDefinition:
    assert target.definition is not None, "only an agent's file is measured on virtual time"
    return target.definition


async def _open(stack: AsyncExitStack, target: Target, script: Path, max_sessions: int, bar: _Bar) -> Served:
    from vivavoce.bench import Served, served

    if target.agent is None:
        return Served(target.url, 0)
    step = bar.loading(target.label)
    server = served(target.agent, script=script, max_sessions=max_sessions, style=target.style, step=step)
    return await stack.enter_async_context(server)


class _Bar:
    """Progress on standard error: what is being done for each label, turns done, time."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        console = error_console()
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def loading(self, label: str) -> Callable[[str, str], None]:
        return lambda section, step: self._set(label, f"{label}: {section} {step}", 0, None)

    def rehearsal(self, label: str) -> Callable[[str, int, int], None]:
        return lambda step, done, total: self._set(label, f"{label}: {step}", done, total or None)

    def turn(self, label: str, done: int, total: int) -> None:
        self._set(label, f"{label}: turns", done, total)

    def crowd(self, label: str) -> Callable[[int], None]:
        return lambda count: self._set(label, f"{label}: {count} sessions at once", 0, None)

    def _set(self, label: str, description: str, done: int, total: int | None) -> None:
        if label not in self._tasks:
            self._tasks[label] = self._progress.add_task(label)
        self._progress.update(self._tasks[label], description=description, completed=done, total=total)


def show(reports: Sequence[Report], as_json: bool) -> None:
    """Print tables, or JSON; and say on standard error, beside tables, where the machine spoilt the times."""
    from vivavoce.bench import pauses_table, report_table, stages_table

    if as_json:
        print(json.dumps([report.as_json() for report in reports], indent=1, ensure_ascii=False))
        return
    console = output_console()
    console.print(report_table(reports))
    late_ms = max(report.figures().get("client_late_ms", 0.0) for report in reports)
    if late_ms > LATE_MS:
        error_console().print(
            f"[yellow]The client itself was up to {late_ms:.0f} ms late: the machine was too busy or stood still, and "
            "all times are longer than on a free one. Turn taking by itself: --virtual-time[/yellow]"
        )
    if any(report.pause_counts() for report in reports):
        console.print(pauses_table(reports))
    for report in reports:
        stages = stages_table(report)
        if stages is not None:
            console.print(stages)


def draw(reports: Sequence[Report], path: Path) -> None:
    """Write the charts: latencies to `path`, latency against cut-ins beside it where pauses were said."""
    from vivavoce.bench import latency_chart, trade_off_chart

    latencies_ms = {report.label: [turn.voice_to_voice_ms for turn in report.whole] for report in reports}
    note = " (simulated engines, virtual time)" if any(report.virtual_time for report in reports) else ""
    path.write_text(latency_chart(latencies_ms, note), encoding="utf-8")
    error_console().print(f"the chart is in {path}")
    figures = {report.label: report.figures() for report in reports}
    names = "p50_ms", "pause_cut_in_rate"
    known = {label: (told[names[0]], told[names[1]]) for label, told in figures.items() if set(names) <= told.keys()}
    if known:
        beside = path.with_name(f"{path.stem}-cut-ins.svg")
        beside.write_text(trade_off_chart(known, note), encoding="utf-8")
        error_console().print(f"latency against cut-ins is in {beside}")
