"""`python -m benchmarks.peers`: all contenders in one run, one table."""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table as RichTable

from benchmarks.peers.comparison import Table, as_json, describe, load_table, markdown, turns_table
from benchmarks.peers.environment import ROOT
from benchmarks.peers.roster import CONTENDERS, EMBEDDED, Contender, chosen
from benchmarks.peers.serving import serve, write_replying
from vivavoce.bench import Plan, Report, WebLine, load_clips, measure_load, measure_side_by_side
from vivavoce.bench.plan import PAUSES_MS

AGENT = ROOT / "agents/simulated.yaml"
QUICKSTART = ROOT / "agents/quickstart.yaml"
CLIPS = ROOT / "tests/data/speech"
SCRIPT = ROOT / "agents/simulated.json"
RESULTS = ROOT / "benchmarks/results"
REPLY_QUIET_S = 0.8
"""After how much silence a peer's reply has ended, as peers don't say so; simulated engines pause for less."""
REAL_REPLY_QUIET_S, REAL_ANSWER_TIMEOUT_S = 2.0, 20.0
"""Real models take their time: the same silence, and when no reply comes any more."""


def _names(contenders: Sequence[Contender]) -> str:
    return ", ".join(contender.name for contender in contenders)


def main(
    only: Annotated[
        str, typer.Option(metavar="NAME,NAME", help=f"Of {_names(CONTENDERS)}; or {_names(EMBEDDED)}.")
    ] = "",
    turns: Annotated[int, typer.Option(help="Whole clips to say to each.", min=0)] = 30,
    pauses: Annotated[bool, typer.Option(help="Also say clips with pauses of 0.3 to 2 s in mid-sentence.")] = False,
    sessions: Annotated[str, typer.Option(metavar="N,N", help="Conversations at once, such as 1,4,8,12,16.")] = "",
    clips: Annotated[Path, typer.Option(metavar="DIR", help="Recordings, one utterance each.")] = CLIPS,
    noise_dbfs: Annotated[float, typer.Option(help="Level of the room's noise.", min=-90, max=-20)] = -60.0,
    reply: Annotated[str, typer.Option(help="What the language model says, for all; short ones save time.")] = "",
    seed: Annotated[int, typer.Option(help="Draws noise, pauses and gaps.")] = 1,
    write: Annotated[
        bool, typer.Option(help="Write benchmarks/results/<date>-peers.json and .md; -peers-sessions, with --turns 0.")
    ] = False,
) -> None:
    """Measure vivavoce, Pipecat and LiveKit Agents with the same simulated engines behind the same wire.

    vivavoce-quickstart and pipecat-embedded run the real engines of agents/quickstart.yaml in place of these.
    Each call is made to all of them, one after the other, before the next. The environments of the peers are built
    first where they are missing (about 1 GB, from the package index).
    """
    os.environ.setdefault("LOGURU_LEVEL", "WARNING")
    contenders = chosen(only)
    real = contenders[0].real_engines
    if real and reply:
        raise typer.BadParameter("a real language model says what it likes", param_hint="--reply")
    counts = [int(count) for count in sessions.split(",") if count.strip()]
    loaded = load_clips(clips, SCRIPT if clips.resolve() == CLIPS.resolve() else None)
    lengths = PAUSES_MS if pauses else ()
    plan = Plan(
        loaded,
        turns=turns,
        pauses_ms=lengths,
        barge_ins=0,
        noise_dbfs=noise_dbfs,
        seed=seed,
        reply_quiet_s=REPLY_QUIET_S,
    )
    if real:
        plan = replace(plan, greeting=True, reply_quiet_s=REAL_REPLY_QUIET_S, answer_timeout_s=REAL_ANSWER_TIMEOUT_S)
    reports = asyncio.run(_measure_until_ended(contenders, plan, counts, reply))
    tables = [turns_table(reports)] if turns or pauses else []
    if counts:
        tables.append(load_table(reports))
    for table in tables:
        show(table)
    if write:
        write_results(tables, reports, plan)


async def _measure_until_ended(
    contenders: Sequence[Contender], plan: Plan, counts: Sequence[int], reply: str
) -> dict[Contender, Report]:
    """Measure; SIGTERM ends it as Ctrl-C does, by cancelling, so that the servers end first, even one just begun."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)
    return await measure(contenders, plan, counts, reply)


async def measure(
    contenders: Sequence[Contender], plan: Plan, counts: Sequence[int], reply: str = ""
) -> dict[Contender, Report]:
    """The turns of all side by side, then the crowds of each by itself, with no other server running."""
    with tempfile.TemporaryDirectory() as folder:
        script = plan.write_script(Path(folder) / "script.json")
        agent = QUICKSTART if any(contender.real_engines for contender in contenders) else AGENT
        agent = write_replying(agent, reply, Path(folder)) if reply else agent
        reports = {contender: Report(contender.name, plan.noise_dbfs, plan.seed) for contender in contenders}
        if plan.calls():
            async with AsyncExitStack() as stack:
                servers = {c: await stack.enter_async_context(serve(c, agent, script, 1)) for c in contenders}
                lines = {contender.name: WebLine(server.url) for contender, server in servers.items()}
                found = await measure_side_by_side(lines, plan, _tell)
            reports = {contender: found[contender.name] for contender in contenders}
        for contender in contenders if counts else ():
            print(f"{contender.name}: {', '.join(map(str, counts))} sessions", file=sys.stderr)
            async with serve(contender, agent, script, max(counts)) as server:
                reports[contender].loads = await measure_load(server.url, plan, counts, server.pid)
    return reports


def _tell(label: str, done: int, total: int) -> None:
    print(f"{label}: {done} of {total} turns", file=sys.stderr)


def show(table: Table) -> None:
    """Print a table."""
    head, *rows = table
    printed = RichTable(*head)
    for column in printed.columns[1:]:
        column.justify = "right"
    for row in rows:
        printed.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 160).print(printed)


def write_results(tables: Sequence[Table], reports: dict[Contender, Report], plan: Plan) -> None:
    """Write today's files."""
    RESULTS.mkdir(exist_ok=True)
    engines = "-real-engines" if any(contender.real_engines for contender in reports) else ""
    crowds = "" if plan.calls() else "-sessions"
    name = f"{datetime.date.today().isoformat()}-peers{engines}{crowds}"
    words = describe(list(reports), plan.seed, plan.noise_dbfs)
    text = "\n\n".join([f"# Peers side by side, {name[:10]}", words, *map(markdown, tables)])
    (RESULTS / f"{name}.md").write_text(f"{text}\n", encoding="utf-8")
    (RESULTS / f"{name}.json").write_text(json.dumps(as_json(reports), indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
