"""When an environment is built, and when the one that is there is used. A function that writes files plays uv."""

from __future__ import annotations

import asyncio
import fcntl
import json
from pathlib import Path

import pytest

from vivavoce.isolation import environment
from vivavoce.isolation.environment import MARKER, damage_of, ensure_environment
from vivavoce.isolation.recipe import Recipe
from vivavoce_api import PrerequisiteError

RECIPE = Recipe("tts sing", "3.11", (), ("scales>=1",), (), None)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def uv(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that were run; the first of each building makes the environment, the second one installs."""
    commands: list[str] = []

    async def run_uv(arguments, folder, progress):
        commands.append(" ".join(arguments[:2]))
        if arguments[0] == "venv":
            python = RECIPE.folder / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.write_text("#!/bin/sh")
        else:
            assert "scales>=1" in arguments
            (RECIPE.folder / "scales.py").write_text("do = 're mi'")

    monkeypatch.setattr(environment, "run_uv", run_uv)
    return commands


def ensure(**options) -> list[str]:
    steps: list[str] = []

    def progress(step, done=0, total=None):
        steps.append(step)

    python = asyncio.run(ensure_environment(RECIPE, progress, **options))
    assert python == RECIPE.folder / "bin" / "python"
    assert damage_of(RECIPE.folder) is None
    return steps


BUILT = ["venv --quiet", "pip install"]


def test_it_is_built_once_and_kept(uv, cache):
    assert ensure() == ["building its environment (there is none yet)"]
    assert ensure() == []
    assert uv == BUILT
    assert RECIPE.folder.parent == cache / "environments"
    assert RECIPE.folder.name.startswith("tts-sing-")
    assert json.loads((RECIPE.folder / MARKER).read_text())["recipe"]["requirements"] == ["scales>=1"]


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / MARKER).unlink(), "the last building did not come to its end"),
        (lambda folder: (folder / MARKER).write_text("{"), "the last building did not come to its end"),
        (lambda folder: (folder / "scales.py").unlink(), "1 of its files are missing or changed"),
        (lambda folder: (folder / "scales.py").write_text(""), "1 of its files are missing or changed"),
        (lambda folder: (folder / "bin" / "python").unlink(), "1 of its files are missing or changed"),
    ],
    ids=["half built", "marker half written", "file gone", "file changed", "Python gone"],
)
def test_a_damaged_one_is_built_anew(uv, damage, words):
    ensure()
    damage(RECIPE.folder)
    assert ensure() == [f"building its environment ({words})"]
    assert uv == BUILT * 2


def test_what_an_engine_adds_and_python_compiles_does_no_harm(uv):
    ensure()
    (RECIPE.folder / "__pycache__").mkdir()
    (RECIPE.folder / "__pycache__" / "scales.pyc").write_bytes(b"x")
    (RECIPE.folder / "kernels.bin").write_bytes(b"x")
    assert ensure() == []


def test_it_is_built_anew_on_request(uv):
    ensure()
    assert ensure(rebuild=True) == ["building its environment (it is to be built anew)"]


def test_after_a_failure_the_next_attempt_begins_anew(uv, monkeypatch):
    async def no_network(arguments, folder, progress):
        RECIPE.folder.mkdir(exist_ok=True)
        (RECIPE.folder / "rubbish").touch()
        raise PrerequisiteError("no network")

    with monkeypatch.context() as patched:
        patched.setattr(environment, "run_uv", no_network)
        with pytest.raises(PrerequisiteError, match="no network"):
            ensure()
    assert ensure() == ["building its environment (the last building did not come to its end)"]
    assert not (RECIPE.folder / "rubbish").exists()


def test_a_full_disk_is_told_in_words(uv, monkeypatch):
    async def full(arguments, folder, progress):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment, "run_uv", full)
    with pytest.raises(PrerequisiteError, match=r"the environment of tts sing can't be built: .*No space left"):
        ensure()


async def waiting_for(lock: Path) -> tuple[asyncio.Task[Path], list[str]]:
    steps: list[str] = []
    told = asyncio.Event()

    def progress(step, done=0, total=None):
        steps.append(step)
        told.set()

    task = asyncio.create_task(ensure_environment(RECIPE, progress))
    await told.wait()
    assert steps == ["waiting for another process that builds its environment"]
    return task, steps


@pytest.fixture
def lock(cache: Path) -> Path:
    RECIPE.folder.parent.mkdir(parents=True)
    return RECIPE.folder.with_name(RECIPE.folder.name + ".lock")


def test_while_another_process_builds_it_waits(uv, lock):
    async def scenario():
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            task, steps = await waiting_for(lock)
        await task
        assert steps[1:] == ["building its environment (there is none yet)"]

    asyncio.run(scenario())


def test_cancelling_the_wait_lets_the_lock_go_to_others(uv, lock):
    async def scenario():
        with lock.open("w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            task, _ = await waiting_for(lock)
            task.cancel()
            await asyncio.wait({task})
        assert (task.cancelled(), uv) == (True, [])
        with lock.open("w") as held:
            await asyncio.to_thread(fcntl.flock, held, fcntl.LOCK_EX)

    asyncio.run(scenario())
