"""`python -m vivavoce.bench.server`: serves an agent for a benchmark until its standard input is closed.

Told by one JSON argument; tells its steps, its address, or an error, each as a line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from vivavoce.bench.adapting import adapted
from vivavoce.bench.rehearsal import rehearse
from vivavoce_api import Catalog, VivavoceError


def main() -> int:
    """Serve; returns the exit code."""
    from vivavoce.server import serving

    try:
        serving.run(_serve(json.loads(sys.argv[1])))
    except VivavoceError as error:
        _tell({"error": error.message, "fix": error.fix})
        return 1
    return 0


async def _serve(arguments: dict[str, Any]) -> None:
    from vivavoce.agent import Agent
    from vivavoce.definition import load_agent
    from vivavoce.server.app import create_app
    from vivavoce.server.serving import serve

    definition = load_agent(Path(arguments["agent"]), Catalog.installed())
    if arguments["script"] is not None:
        await rehearse(definition, Path(arguments["script"]), _tell_step)
    adapting = arguments["script"], arguments["max_sessions"], arguments["style"]
    agent = Agent(adapted(definition, *adapting))
    try:
        await agent.load(lambda engine, step, done, total: _tell({"step": [engine, step]}))
        serving = asyncio.create_task(serve(create_app(agent), port=0, started=_tell_address))
        released = asyncio.create_task(_released())
        await asyncio.wait({serving, released}, return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, released):
            task.cancel()
        await asyncio.gather(serving, released, return_exceptions=True)
    finally:
        await agent.close()


async def _released() -> None:
    """Return when standard input is closed, by whoever started this or by its end."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    await reader.read()


def _tell_address(page: str) -> None:
    _tell({"url": page.replace("http", "ws", 1).rstrip("/") + "/ws"})


def _tell_step(step: str, done: int, total: int) -> None:
    _tell({"step": ["rehearsal", f"{step} {done}/{total}" if total else step]})


def _tell(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    sys.exit(main())
