"""The stand-in for Rime, as fixtures."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rime_stand_in import KEY, Spoken, StandIn, spoken


@pytest.fixture(autouse=True)
def rime_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIME_API_KEY", KEY)


@pytest.fixture(scope="module")
def served_stand_in() -> Iterator[StandIn]:
    """A stand-in in a thread, for tests whose event loop is not theirs."""
    started, loop = threading.Event(), asyncio.new_event_loop()
    holder: list[Any] = []

    async def run() -> None:
        async with StandIn() as stand_in:
            stop = asyncio.Event()
            holder.extend([stand_in, stop])
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    assert started.wait(10)
    yield holder[0]
    loop.call_soon_threadsafe(holder[1].set)
    thread.join()
    loop.close()


@pytest.fixture
def make_stand_in() -> type[StandIn]:
    """Makes stand-ins on the test's own event loop."""
    return StandIn


@pytest.fixture(name="spoken")
def spoken_by_the_stand_in() -> Callable[[str, int], Spoken]:
    """What the stand-in makes of a text, at a sample rate."""
    return spoken
