"""Virtual environments of engines: built with uv, kept by what is in them, built anew when damaged."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO

from vivavoce.isolation.patience import Patience
from vivavoce.isolation.process import Launch
from vivavoce.isolation.recipe import Recipe
from vivavoce.isolation.uv import run_uv
from vivavoce.isolation.wheels import installed, pack
from vivavoce.isolation.worker import Worker
from vivavoce_api import PrerequisiteError, Progress

MARKER = "complete.json"
"""Written last: lists the environment's files with their sizes."""


async def ensure_environment(recipe: Recipe, progress: Progress, *, rebuild: bool = False) -> Path:
    """The Python of the environment that `recipe` describes, which is built where it is not there whole.

    Of several processes that need it at the same time one builds and the others wait. Cancelling leaves a half-built
    one behind, which is built anew the next time. Raises `PrerequisiteError`.
    """
    folder = recipe.folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    async with _locked(folder.with_name(folder.name + ".lock"), progress):
        damage = "it is to be built anew" if rebuild else await asyncio.to_thread(damage_of, folder)
        if damage is not None:
            progress(f"building its environment ({damage})")
            try:
                await _build(recipe, progress)
            except OSError as error:
                raise PrerequisiteError(f"the environment of {recipe.title} can't be built: {error}") from error
    return _python(folder)


def damage_of(folder: Path) -> str | None:
    """What is wrong with an environment, in words; None where it is whole. Looks at each file's size. Blocks."""
    if not folder.exists():
        return "there is none yet"
    try:
        sizes: dict[str, int] = json.loads((folder / MARKER).read_text())["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return "the last building did not come to its end"
    found = _sizes(folder)
    damaged = sum(found.get(name) != size for name, size in sizes.items())
    if damaged:
        return f"{damaged} of its files are missing or changed"
    return None if _python(folder).exists() else "its Python was removed"


async def _build(recipe: Recipe, progress: Progress) -> None:
    folder = recipe.folder
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    await run_uv(["venv", "--quiet", str(folder), "--python", _interpreter(recipe.python)], folder.parent, progress)
    arguments = await asyncio.to_thread(_install_arguments, recipe)
    await run_uv(["pip", "install", "--python", str(_python(folder)), *arguments], folder, progress)
    if recipe.install_order is not None:
        order, launch = recipe.install_order, Launch(_python(folder), own_environment=True)
        worker = await Worker.start(launch, order.title, asdict(order), Patience(), progress)
        await worker.end()
    await asyncio.to_thread(_mark_complete, folder, recipe)


def _install_arguments(recipe: Recipe) -> list[str]:
    """Pack our own distributions; the arguments of `uv pip install` with them and all requirements."""
    wheels = recipe.folder / "wheels"
    wheels.mkdir()
    own = [str(pack(installed(name), wheels)) for name, _, _ in recipe.own]
    overrides = wheels / "overrides.txt"
    overrides.write_text("\n".join(recipe.overrides))
    return [*own, *recipe.requirements, *(["--override", str(overrides)] if recipe.overrides else [])]


def _mark_complete(folder: Path, recipe: Recipe) -> None:
    written = folder / f"{MARKER}.part"
    written.write_text(json.dumps({"recipe": asdict(recipe), "files": dict(_files(folder))}))
    written.replace(folder / MARKER)


def _sizes(folder: Path) -> dict[str, int]:
    return dict(_files(folder))


def _files(folder: Path) -> Iterator[tuple[str, int]]:
    """The files of an environment with their sizes, without what Python compiles by itself."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            path = Path(parent, name)
            if not name.startswith(MARKER) and not path.is_symlink():
                yield str(path.relative_to(folder)), path.stat().st_size


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _interpreter(version: str) -> str:
    """This Python where it has the version, else the version, which uv looks for, or fetches."""
    return sys.executable if version == f"{sys.version_info[0]}.{sys.version_info[1]}" else version


@asynccontextmanager
async def _locked(path: Path, progress: Progress) -> AsyncIterator[None]:
    """Hold a lock between processes. Cancelling gives up the wait for it."""
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        progress("waiting for another process that builds its environment")
        await _wait_for_lock(file)
    with file:
        yield


async def _wait_for_lock(file: IO[str]) -> None:
    """In a thread that nobody waits for, as it can't be stopped: what it gets too late it lets go at once."""
    loop = asyncio.get_running_loop()
    locked: asyncio.Future[None] = loop.create_future()

    def deliver() -> None:
        if locked.cancelled():
            file.close()
        else:
            locked.set_result(None)

    def wait() -> None:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            loop.call_soon_threadsafe(deliver)
        except RuntimeError:  # the event loop has ended meanwhile
            file.close()

    threading.Thread(target=wait, daemon=True).start()
    await locked
