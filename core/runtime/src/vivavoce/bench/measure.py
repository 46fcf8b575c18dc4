"""Measuring servers: the plan's calls, one after the other, to each server in turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from vivavoce.bench.plan import CallPlan, Plan, Purpose
from vivavoce.bench.report import Report, Waste
from vivavoce.bench.turns import hold_turns, interrupt

Progress = Callable[[str, int, int], None]
"""Called with a server's label, the turns that are done, and all turns."""

STATUS_TIMEOUT_S = 5.0


def _no_progress(label: str, done: int, total: int) -> None:
    """Shows nothing."""


async def measure(url: str, plan: Plan, progress: Progress = _no_progress, *, label: str = "A") -> Report:
    """Measure the server at `url` (`ws://host:port/ws`), which may know no more than the three messages.

    Takes as long as the conversations do. Raises `EngineUnavailableError` when it can't be reached; one that drops
    a call later only fails that turn. Cancelling closes the connection.
    """
    return (await measure_side_by_side({label: url}, plan, progress))[label]


async def measure_side_by_side(
    urls: Mapping[str, str], plan: Plan, progress: Progress = _no_progress
) -> dict[str, Report]:
    """As `measure`, for several servers by label: each call is made to all of them before the next.

    They are never spoken to at the same moment, and meet the same noise of a busy machine.
    """
    reports = {label: Report(label, noise_dbfs=plan.noise_dbfs, seed=plan.seed) for label in urls}
    calls = plan.calls()
    total, done = sum(len(call.utterances) for call in calls), dict.fromkeys(urls, 0)
    for call in calls:
        for label, url in urls.items():
            progress(label, done[label], total)
            await _hold(url, plan, call, reports[label])
            done[label] += len(call.utterances)
            progress(label, done[label], total)
    return reports


async def _hold(url: str, plan: Plan, call: CallPlan, report: Report) -> None:
    match call.purpose:
        case Purpose.WHOLE:
            before = await read_status(url)
            report.turns += await hold_turns(url, plan, call)
            report.waste = report.waste + Waste.between(before, await read_status(url))
        case Purpose.PAUSE:
            report.turns += await hold_turns(url, plan, call)
        case Purpose.BARGE_IN:
            report.barge_ins.append(await interrupt(url, plan, call))


async def read_status(url: str) -> Mapping[str, object] | None:
    """What the server's `/status` says; None where it has none that can be read."""
    return await asyncio.to_thread(_read_status, url)


def _read_status(url: str) -> Mapping[str, object] | None:
    parts = urlsplit(url)
    scheme = "https" if parts.scheme == "wss" else "http"
    try:
        with urlopen(f"{scheme}://{parts.netloc}/status", timeout=STATUS_TIMEOUT_S) as answer:
            status = json.loads(answer.read(1 << 20))
    except (URLError, OSError, ValueError):
        return None
    return status if isinstance(status, dict) else None
