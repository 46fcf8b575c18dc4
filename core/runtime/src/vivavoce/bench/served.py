"""An agent served by a process of its own, as the thing under test."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from vivavoce.libraries import settled
from vivavoce_api import EngineError

STOPPING_S = 15.0

Step = Callable[[str, str], None]
"""Called with an engine's section and what it does, while the agent loads."""


def _no_step(section: str, step: str) -> None:
    """Shows nothing."""


@dataclass(frozen=True, slots=True)
class Served:
    """A server that is ready: its WebSocket's address and its process."""

    url: str
    pid: int


@asynccontextmanager
async def served(
    agent: Path,
    *,
    script: Path | None = None,
    max_sessions: int | None = None,
    style: str | None = None,
    step: Step = _no_step,
) -> AsyncIterator[Served]:
    """Serve the agent of a YAML file on a free port of this machine; the process is ended with the context.

    `script` replaces that of simulated engines; what a simulated judge has to say of it is written into it.
    `max_sessions` replaces the agent's limit where it is lower, `style` its way of taking turns. Raises `EngineError`
    with the process's own words when it doesn't get ready.
    """
    where = {"agent": str(agent), "script": str(script) if script else None}
    arguments = {**where, "max_sessions": max_sessions, "style": style}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "vivavoce.bench.server", json.dumps(arguments)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=settled(os.environ),
    )
    try:
        yield Served(await _address(process, agent, step), process.pid)
    finally:
        await _stop(process)


async def _address(process: asyncio.subprocess.Process, agent: Path, step: Step) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        try:
            told = json.loads(line)
        except ValueError:
            continue  # an engine's library prints what it likes
        match told:
            case {"url": str(url)}:
                return url
            case {"step": [str(section), str(what)]}:
                step(section, what)
            case {"error": str(words), "fix": fix}:
                raise EngineError(words, fix=fix)
    raise EngineError(f"the server for {agent} ended before it was ready (exit code {await process.wait()})")


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Closing its standard input tells it to end."""
    if process.returncode is None:
        assert process.stdin is not None
        process.stdin.close()
        try:
            async with asyncio.timeout(STOPPING_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
