"""Which model server a YAML file asks for, and running it."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vivavoce.definition.choice import Choice, Resolver
from vivavoce.definition.document import Document, read_document
from vivavoce.definition.environment import expand_environment
from vivavoce.definition.problem import error_of
from vivavoce_api import Catalog, ConfigurationError, EngineError, Kind, PrerequisiteError
from vivavoce_api.deployment import ModelService, RunsModelServer

STOPPING_S = 30.0
"""Time that a server has to end by itself, before it is killed."""


@dataclass(frozen=True, slots=True)
class AskedServer:
    """The options of the server's plugin; the card that a deployment names; and which of the agent's plugins would
    share the card on one machine, each with its number of processes."""

    options: RunsModelServer
    gpu: str | None = None
    beside: Mapping[str, int] | None = None


def asked_server(path: Path, catalog: Catalog, environ: Mapping[str, str]) -> AskedServer:
    """The model server of an agent (`llm`) or of a deployment (`model_server`, or its agent's `llm`).

    Only these sections have to be right, and only their plugin installed. Raises `ConfigurationError`.
    """
    document = read_document(path)
    originals = expand_environment(document, environ)
    resolver = Resolver(document, catalog, originals, path.parent, missing=[])
    data = document.data
    if "model_server" in data:
        return AskedServer(_runnable("model_server", document, resolver), _gpu(data))
    if "agent" in data and "llm" not in data:
        return replace(asked_server(path.parent / str(data["agent"]), catalog, environ), gpu=_gpu(data))
    if "llm" not in data:
        raise ConfigurationError(f"{path}: is no agent (it has no `llm`) and no deployment of a model server")
    return AskedServer(_runnable("llm", document, resolver), None, _beside(document, resolver))


def _runnable(section: str, document: Document, resolver: Resolver) -> RunsModelServer:
    choice = resolver.resolve_listed(Kind.LANGUAGE_MODEL, document.data[section], (section,))
    problems = [problem for keys, problem in document.problems.items() if keys[:1] == (section,)]
    problems += [missing.problem for missing in resolver.missing]
    if choice is None or problems:
        raise error_of(problems)
    runnable = [one.options for one in choice.listed if isinstance(one.options, RunsModelServer)]
    if not runnable:
        text = f"'{choice.offer.name}' has no server of its own that could be run"
        raise error_of([document.problem((section, "plugin"), text)])
    return runnable[0]


def _gpu(data: Mapping[str, Any]) -> str | None:
    target = data.get("target")
    gpu = target.get("gpu") if isinstance(target, dict) else None
    first = gpu[0] if isinstance(gpu, list) and gpu else gpu
    return first if isinstance(first, str) else None


def _beside(document: Document, resolver: Resolver) -> dict[str, int]:
    """Plugins that hear and speak, installed or not. What is wrong with their sections is no matter here."""
    found: dict[str, int] = {}
    for section, kind in (("stt", Kind.SPEECH_TO_TEXT), ("tts", Kind.TEXT_TO_SPEECH)):
        raw = document.data.get(section)
        choice = resolver.resolve_listed(kind, raw, (section,))
        if choice is not None:
            found |= {one.offer.name: _processes(one) for one in choice.listed}
            continue
        for one in raw if isinstance(raw, list) else [raw]:
            if isinstance(one, dict) and isinstance(one.get("plugin"), str):
                found[one["plugin"]] = 1
    return found


def _processes(choice: Choice) -> int:
    return choice.offer.isolation.workers(choice.options) if choice.isolation != "none" else 1


async def run_server(
    service: ModelService, options: RunsModelServer, host: str, startup_s: float, on_ready: Callable[[str, str], None]
) -> None:
    """Run the server until it ends or this is cancelled; tells `on_ready(url, model)` once it serves what it should.

    Raises `PrerequisiteError` where its program is missing, `EngineError` where it ends, is not ready after
    `startup_s` seconds, or serves something else; it is ended then.
    """
    program = shutil.which(service.command[0])
    if program is None:
        needs = " ".join(service.requirements)
        raise PrerequisiteError(
            f"there is no program '{service.command[0]}' here",
            fix=f"python -m venv servers && servers/bin/pip install {needs}; PATH=$PWD/servers/bin:$PATH",
        )
    process = await asyncio.create_subprocess_exec(program, *service.command[1:], env=_environment(service, options))
    url = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{service.port}"
    try:
        with _cancelled_by_sigterm():
            await _watch(process, options, url, startup_s, on_ready)
    finally:
        await _stop(process)


async def _watch(
    process: asyncio.subprocess.Process,
    options: RunsModelServer,
    url: str,
    startup_s: float,
    on_ready: Callable[[str, str], None],
) -> None:
    ready = asyncio.create_task(options.wait_for_server(url, within_s=startup_s))
    ended = asyncio.create_task(process.wait())
    try:
        await asyncio.wait({ready, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            on_ready(url, ready.result())
        when = "" if ready.done() else " before it was ready; what it wrote says why"
        raise EngineError(f"the model server ended with exit code {await ended}{when}")
    finally:
        for task in (ready, ended):
            task.cancel()
        await asyncio.gather(ready, ended, return_exceptions=True)


def _environment(service: ModelService, options: RunsModelServer) -> dict[str, str]:
    """Ours, with the key under the name that the server reads, where the YAML keeps it under another."""
    api_key = os.environ.get(getattr(options, "api_key_env", service.api_key_variable), "")
    return {**os.environ, **({service.api_key_variable: api_key} if api_key else {})}


@contextmanager
def _cancelled_by_sigterm() -> Iterator[None]:
    """SIGTERM cancels the block, as Ctrl-C does."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    loop.add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGTERM)


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
