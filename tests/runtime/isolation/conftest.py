"""A plugin with faulty engines, installed for worker processes of these tests alone."""

from __future__ import annotations

import asyncio
import importlib
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
import pytest

from vivavoce.isolation import Patience, load_isolated
from vivavoce_api import EngineError, Entry, Offer, SessionContext, SpeechChunk, no_progress

DISTRIBUTION = "vivavoce-faulty"
SOURCE = Path(__file__).with_name("faulty_engine.py")
QUICK = Patience(first_pause_s=0.05)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder as pip leaves it, on the path of this process and its workers."""
    folder = tmp_path / "site"
    information = folder / "vivavoce_faulty-0.dist-info"
    information.mkdir(parents=True)
    (folder / SOURCE.name).write_bytes(SOURCE.read_bytes())
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 0\n")
    (information / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    (information / "INSTALLER").write_text("pip\n")
    (information / "entry_points.txt").write_text("[vivavoce]\nfaulty = faulty_engine\n")
    names = [SOURCE.name, *(f"{information.name}/{file.name}" for file in information.iterdir())]
    (information / "RECORD").write_text("".join(f"{name},,\n" for name in [*names, f"{information.name}/RECORD"]))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop("faulty_engine", None)


@pytest.fixture
def faulty(site: Path) -> ModuleType:
    """The module with the faulty offers."""
    return importlib.import_module("faulty_engine")


def children() -> set[psutil.Process]:
    """All processes that this one or its children started; other tests' engines may be among them."""
    return set(psutil.Process().children(recursive=True))


class Kit:
    """What the tests say often."""

    quick = QUICK
    children = staticmethod(children)

    @staticmethod
    def entry(offer: Offer) -> Entry:
        return Entry(offer, DISTRIBUTION, "0")

    @classmethod
    @asynccontextmanager
    async def loaded(cls, offer: Offer, patience: Patience = QUICK, **options: Any) -> AsyncIterator[Any]:
        """The engine in worker processes; afterwards nothing of it is left."""
        others = children()
        engine = await load_isolated(cls.entry(offer), offer.options(**options), "process", no_progress, patience)
        try:
            yield engine
        finally:
            await engine.close()
            await engine.close()
            assert children() <= others

    @staticmethod
    async def session(engine: Any, **parameters: str) -> Any:
        return await engine.open_session(SessionContext("one", parameters))

    @staticmethod
    async def text(*words: str, then_wait: bool = False) -> AsyncIterator[str]:
        for word in words:
            yield word
        if then_wait:
            await asyncio.Event().wait()

    @classmethod
    async def say(cls, session: Any, *words: str) -> list[str]:
        """What was said, without who said it."""
        return [spans_of(chunk) async for chunk in session.synthesize(cls.text(*words))][1:]

    @classmethod
    async def who(cls, session: Any) -> tuple[int, int]:
        """The worker that serves a call of the session, and the process that it has started."""
        stream = session.synthesize(cls.text())
        (chunk,) = [chunk async for chunk in stream]
        worker, child = spans_of(chunk).split()
        return int(worker), int(child)

    @staticmethod
    async def persistently(attempt: Callable[[], Awaitable[Any]]) -> Any:
        """What comes of it once the engine runs again."""
        async with asyncio.timeout(60):
            while True:
                try:
                    return await attempt()
                except EngineError:
                    await asyncio.sleep(0.05)

    @staticmethod
    async def gone(pids: Iterable[int]) -> bool:
        """Whether these processes end within 30 s, and leave no zombie of this one's."""
        left = set(pids)
        with suppress(TimeoutError):
            async with asyncio.timeout(30):
                while left := {pid for pid in left if not _is_gone(pid)}:  # noqa: ASYNC110 - others' doing
                    await asyncio.sleep(0.02)
        return not left


def _is_gone(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() == psutil.STATUS_ZOMBIE and process.ppid() != os.getpid()
    except psutil.NoSuchProcess:
        return True


def spans_of(chunk: SpeechChunk) -> str:
    return " ".join(span.text for span in chunk.spans)


@pytest.fixture
def kit() -> type[Kit]:
    return Kit
