"""A contender served by a process of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import yaml

from benchmarks.peers.environment import ROOT, SOURCES, python_of
from benchmarks.peers.roster import Contender
from vivavoce.bench import Served, served

READY_WITHIN_S = 180.0
STOPPING_S = 10.0


@asynccontextmanager
async def serve(contender: Contender, agent: Path, script: Path, max_sessions: int) -> AsyncIterator[Served]:
    """Serve `agent` by `contender`, which has its engines simulated or real; the process ends with the context.

    Raises `RuntimeError` with the end of its output when it doesn't get ready.
    """
    if contender.is_peer:
        async with _peer_served(contender, await _command(contender, agent, script)) as server:
            yield server
        return
    if contender.real_engines:
        async with served(agent, max_sessions=max_sessions) as server:
            yield server
        return
    with tempfile.TemporaryDirectory() as folder:
        styled = write_changed(agent, contender, Path(folder))
        async with served(styled, script=script, max_sessions=max_sessions) as server:
            yield server


def write_changed(agent: Path, contender: Contender, folder: Path) -> Path:
    """The agent with the sections that this contender sets. Blocks."""
    return _write(_document(agent) | contender.settings(), folder / f"{agent.stem}-{contender.variant}.yaml")


def write_replying(agent: Path, reply: str, folder: Path) -> Path:
    """The agent with another reply of its simulated language model. Blocks."""
    document = _document(agent)
    document["llm"]["reply"] = reply
    return _write(document, folder / agent.name)


def _document(agent: Path) -> dict[str, Any]:
    """An agent's YAML; its scripts' places are written in full, so that it can be moved."""
    document = yaml.safe_load(agent.read_text(encoding="utf-8"))
    for name in ("stt", "completeness"):
        if isinstance(section := document.get(name), dict) and "script" in section:
            section["script"] = str((agent.parent / section["script"]).resolve())
    return document


def _write(document: dict[str, Any], path: Path) -> Path:
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


async def _command(contender: Contender, agent: Path, script: Path) -> list[str]:
    """What starts a peer's server, all but the port."""
    if contender.real_engines:
        module = f"benchmarks.peers.{contender.family}_{contender.variant}"
        return [sys.executable, "-m", module, "--agent", str(agent)]
    python = await asyncio.to_thread(python_of, contender.family)
    module = f"benchmarks.peers.{contender.family}_server"
    return [str(python), "-m", module, contender.variant, "--agent", str(agent), "--script", str(script)]


@asynccontextmanager
async def _peer_served(contender: Contender, command: Sequence[str]) -> AsyncIterator[Served]:
    port = free_port()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(str(path) for path in SOURCES)}
    with tempfile.TemporaryFile() as output:
        process = await asyncio.create_subprocess_exec(
            *command, "--port", str(port), cwd=ROOT, env=environment, stdout=output, stderr=output
        )
        try:
            if not await _ready(process, port):
                output.seek(0)
                words = output.read()[-2000:].decode(errors="replace")
                raise RuntimeError(f"{contender.name} did not get ready:\n{words}")
            yield Served(f"ws://127.0.0.1:{port}/ws", process.pid)
        finally:
            await _stop(process)


def free_port() -> int:
    """A port of this machine that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def _ready(process: asyncio.subprocess.Process, port: int) -> bool:
    try:
        async with asyncio.timeout(READY_WITHIN_S):
            while process.returncode is None:
                if await asyncio.to_thread(_answers, port):
                    return True
                await asyncio.sleep(0.5)
    except TimeoutError:
        pass
    return False


def _answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2):
            return True
    except (URLError, OSError):
        return False


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOPPING_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
