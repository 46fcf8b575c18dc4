"""Measuring servers: the plan's calls, one after the other, to each server in turn."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vivavoce.bench.line import Line
from vivavoce.bench.plan import CallPlan, Plan, Purpose
from vivavoce.bench.report import Report, Waste
from vivavoce.bench.turns import hold_turns, interrupt

Progress = Callable[[str, int, int], None]
"""Called with a server's label, the turns that are done, and all turns."""


def _no_progress(label: str, done: int, total: int) -> None:
    """Shows nothing."""


async def measure(line: Line, plan: Plan, progress: Progress = _no_progress, *, label: str = "A") -> Report:
    """Measure the server at the other end of `line`, which may know no more than the three messages.

    Takes as long as the conversations do. Raises `EngineUnavailableError` when it can't be reached; one that drops
    a call later only fails that turn. Cancelling closes the connection.
    """
    return (await measure_side_by_side({label: line}, plan, progress))[label]


async def measure_side_by_side(
    lines: Mapping[str, Line], plan: Plan, progress: Progress = _no_progress
) -> dict[str, Report]:
    """As `measure`, for several servers by label: each call is made to all of them before the next.

    They are never spoken to at the same moment, and meet the same noise of a busy machine.
    """
    reports = {label: Report(label, noise_dbfs=plan.noise_dbfs, seed=plan.seed) for label in lines}
    calls = plan.calls()
    total, done = sum(len(call.utterances) for call in calls), dict.fromkeys(lines, 0)
    for call in calls:
        for label, line in lines.items():
            progress(label, done[label], total)
            await _hold(line, plan, call, reports[label])
            done[label] += len(call.utterances)
            progress(label, done[label], total)
    return reports


async def _hold(line: Line, plan: Plan, call: CallPlan, report: Report) -> None:
    match call.purpose:
        case Purpose.WHOLE:
            before = await line.status()
            report.turns += await hold_turns(line, plan, call)
            report.waste = report.waste + Waste.between(before, await line.status())
        case Purpose.PAUSE:
            report.turns += await hold_turns(line, plan, call)
        case Purpose.BARGE_IN:
            report.barge_ins.append(await interrupt(line, plan, call))
