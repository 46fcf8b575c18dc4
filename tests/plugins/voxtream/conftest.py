"""The real package with tiny random weights, in the environment that the offer describes, in worker processes.

The environment (1 GB) is built at the first use by the runtime's own builder, and shared by all tests and runs: it is
kept in vivavoce's cache under a digest of what is in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vivavoce.isolation import load_isolated
from vivavoce_api import Catalog, Entry, Kind, SessionContext, SpeechChunk, no_progress

CLIPS = Path(__file__).parents[2] / "data/speech"
VOICE = CLIPS / "common_voice_en_1205005.wav"
SEED = 7
Loader = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(scope="session")
def entry() -> Entry:
    """The installed plugin."""
    entry = Catalog.installed().get(Kind.TEXT_TO_SPEECH, "voxtream")
    assert entry is not None
    return entry


@pytest.fixture(scope="session")
def isolated(entry: Entry) -> Loader:
    """`async with isolated(**options) as engine`: loaded in workers with tiny random weights."""

    @asynccontextmanager
    async def load(**options: Any) -> AsyncIterator[Any]:
        chosen = entry.offer.options(**{"voice": VOICE, "model": "random-tiny", "seed": SEED, **options})
        engine = await load_isolated(entry, chosen, "environment", no_progress)
        try:
            yield engine
        finally:
            await engine.close()

    return load


@pytest.fixture(scope="session")
def runner() -> Iterator[asyncio.Runner]:
    """The event loop on which the shared engine lives."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="session")
def engine(runner: asyncio.Runner, isolated: Loader) -> Iterator[Any]:
    """One engine with one worker, for all tests that need no other."""
    context = isolated()
    engine = runner.run(context.__aenter__())
    try:
        yield engine
    finally:
        runner.run(context.__aexit__(None, None, None))


class Speech:
    """What the tests say often."""

    @staticmethod
    async def text(*pieces: str, then_wait: bool = False) -> AsyncIterator[str]:
        for piece in pieces:
            await asyncio.sleep(0)
            yield piece
        if then_wait:
            await asyncio.Event().wait()

    @classmethod
    async def say(cls, session: Any, *pieces: str) -> list[SpeechChunk]:
        return [chunk async for chunk in session.synthesize(cls.text(*pieces))]

    @classmethod
    async def said(cls, engine: Any, *pieces: str, **parameters: str) -> list[SpeechChunk]:
        """One reply in a session of its own."""
        session = await engine.open_session(SessionContext("one", parameters))
        try:
            return await cls.say(session, *pieces)
        finally:
            await session.close()

    @staticmethod
    def pcm(chunks: list[SpeechChunk]) -> bytes:
        return b"".join(chunk.audio.pcm for chunk in chunks)

    @staticmethod
    def words(chunks: list[SpeechChunk]) -> list[str]:
        return [word for chunk in chunks for span in chunk.spans for word in span.text.split()]


@pytest.fixture(scope="session")
def speech() -> type[Speech]:
    return Speech
