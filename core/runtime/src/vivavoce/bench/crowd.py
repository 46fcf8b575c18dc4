"""Many conversations at once, held by processes of their own, and what they cost the server."""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from vivavoce.bench.line import WebLine
from vivavoce.bench.outcome import TurnOutcome
from vivavoce.bench.plan import CallPlan, Plan, Purpose
from vivavoce.bench.turns import hold_turns

CLIENTS_A_PROCESS = 8
TURNS_A_SESSION = 4
# Clients begin within this time, as people don't call at the same moment.
ARRIVE_WITHIN_S = 4.0


@dataclass(frozen=True, slots=True)
class Load:
    """What `sessions` at once met, and what they cost.

    CPU seconds are those of the server's process and all its children, over the sum of all sessions' lengths; memory
    is what they hold beyond what they held before the first session, divided by the sessions. None: not known.
    """

    sessions: int
    latencies_ms: tuple[float, ...]
    turns: int
    cut_ins: int
    unanswered: int
    cpu_s_per_session_s: float | None = None
    memory_mb_per_session: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds that a process and its children have used so far, and the bytes that they hold."""

    cpu_s: float
    memory_bytes: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Read it from the system. A child that has ended in between is not counted."""
        import psutil

        process = psutil.Process(pid)
        cpu_s, memory_bytes = 0.0, 0
        for member in [process, *process.children(recursive=True)]:
            try:
                times = member.cpu_times()
                cpu_s += times.user + times.system
                memory_bytes += member.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        return cls(cpu_s, memory_bytes)


async def measure_load(
    url: str,
    plan: Plan,
    sessions: Sequence[int],
    pid: int | None = None,
    progress: Callable[[int], None] = lambda sessions: None,
) -> list[Load]:
    """For each number of sessions, hold so many conversations of four turns; `pid` is the server's process.

    The clients live in processes of their own, eight in each, so that their CPU time is not the server's. Raises
    `EngineUnavailableError` when the server can't be reached. Cancelling waits for the clients' turns to end.
    """
    idle = Usage.of(pid) if pid is not None else None
    loads: list[Load] = []
    for count in sessions:
        progress(count)
        loads.append(await _measure(url, plan, count, pid, idle))
    return loads


async def _measure(url: str, plan: Plan, count: int, pid: int | None, idle: Usage | None) -> Load:
    loop = asyncio.get_running_loop()
    groups = [range(first, min(first + CLIENTS_A_PROCESS, count)) for first in range(0, count, CLIENTS_A_PROCESS)]
    with ProcessPoolExecutor(len(groups), multiprocessing.get_context("spawn")) as pool:
        await asyncio.gather(*(loop.run_in_executor(pool, _ready) for _ in groups))
        before = Usage.of(pid) if pid is not None else None
        held = asyncio.gather(*(loop.run_in_executor(pool, _hold_all, url, plan, list(group)) for group in groups))
        peak = await _peak_memory(pid, held)
        results = [result for group in await held for result in group]
        after = Usage.of(pid) if pid is not None else None
    outcomes = [outcome for turns, _ in results for outcome in turns]
    length_s = sum(length_s for _, length_s in results)
    return Load(
        count,
        tuple(o.voice_to_voice_ms for o in outcomes if o.voice_to_voice_ms is not None),
        len(outcomes),
        sum(o.cut_in for o in outcomes),
        sum(o.voice_to_voice_ms is None and not o.cut_in for o in outcomes),
        (after.cpu_s - before.cpu_s) / length_s if before and after else None,
        (peak - idle.memory_bytes) / count / 1e6 if idle else None,
    )


async def _peak_memory(pid: int | None, held: asyncio.Future[Any]) -> int:
    """The most bytes that the server held, looked at once a second, until the calls are over."""
    peak = 0
    while pid is not None and not held.done():
        peak = max(peak, Usage.of(pid).memory_bytes)
        await asyncio.wait([held], timeout=1.0)
    return peak


def _ready() -> None:
    """Makes a process import all that it needs before the clock runs."""


def _hold_all(url: str, plan: Plan, places: Sequence[int]) -> list[tuple[list[TurnOutcome], float]]:
    """In a process of clients: for each place in the crowd, the outcomes of its turns and its length in seconds."""

    async def hold_all() -> list[tuple[list[TurnOutcome], float]]:
        return await asyncio.gather(*(_hold_one(url, plan, place) for place in places))

    return asyncio.run(hold_all())


async def _hold_one(url: str, plan: Plan, place: int) -> tuple[list[TurnOutcome], float]:
    draw = random.Random(f"{plan.seed} crowd {place}")
    await asyncio.sleep(draw.uniform(0, ARRIVE_WITHIN_S))
    first = place % len(plan.whole)
    utterances = [*plan.whole[first:], *plan.whole[:first]][:TURNS_A_SESSION]
    gaps_s = tuple(draw.uniform(*plan.gap_s) for _ in utterances)
    began_s = time.monotonic()
    outcomes = await hold_turns(WebLine(url), plan, CallPlan(Purpose.WHOLE, tuple(utterances), gaps_s))
    return outcomes, time.monotonic() - began_s
