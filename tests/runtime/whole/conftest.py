"""The quickstart agent, loaded once and served on a free port, and a client that holds whole conversations."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from vivavoce.agent import Agent
from vivavoce.audio.files import read_audio
from vivavoce.definition import AgentDefinition
from vivavoce.server.app import create_app
from vivavoce.server.serving import serve
from vivavoce.wire.client import Container, VoiceClient, open_client
from vivavoce_api import (
    INPUT_SAMPLE_RATE_HZ,
    AudioChunk,
    ErrorNotice,
    ReplyAudio,
    ReplyEnded,
    UserTranscript,
)

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests/data/speech"
TURN_TIMEOUT_S = 90


@dataclass
class Turn:
    """What came of one turn: the transcript, the reply's words as the context keeps them, and its sound."""

    transcript: str = ""
    reply: str = ""
    pcm: bytes = b""
    rate_hz: int = 0
    errors: list[str] = field(default_factory=list)

    @property
    def audio(self) -> AudioChunk:
        return AudioChunk(self.pcm, self.rate_hz)


@dataclass
class Served:
    """An agent on a port of this machine; everything runs on one runner."""

    runner: asyncio.Runner
    agent: Agent
    url: str

    def converse(self, clips: list[Path], container: Container = Container.RAW, query: str = "") -> list[Turn]:
        """Let the agent greet, then say the clips one by one, each after the reply to the one before."""
        return self.runner.run(self._converse(clips, container, query))

    async def _converse(self, clips: list[Path], container: Container, query: str) -> list[Turn]:
        page = {"packets_a_page": 4} if container is Container.OGG else {}
        async with open_client(f"{self.url}{query}", container=container, **page) as client:
            turns = [Turn()]
            ended = asyncio.Event()
            listening = asyncio.create_task(_listen(client, turns, ended))
            if self.agent.definition.greeting:
                await _silence_until(client, ended)
            for clip in clips:
                ended.clear()
                turns.append(Turn())
                await client.speak(read_audio(clip))
                await _silence_until(client, ended)
            listening.cancel()
        return turns[1:]


async def _listen(client: VoiceClient, turns: list[Turn], ended: asyncio.Event) -> None:
    async for arrival in client.arrivals():
        turn, item = turns[-1], arrival.item
        if isinstance(item, ReplyAudio):
            turn.pcm += item.audio.pcm
            turn.rate_hz = item.audio.sample_rate_hz
        elif isinstance(item, UserTranscript) and item.final:
            turn.transcript = f"{turn.transcript} {item.text}".strip()
        elif isinstance(item, ErrorNotice):
            turn.errors.append(item.message)
        elif isinstance(item, ReplyEnded):
            turn.reply = f"{turn.reply} {item.heard}".strip()
            ended.set()


async def _silence_until(client: VoiceClient, ended: asyncio.Event) -> None:
    async with asyncio.timeout(TURN_TIMEOUT_S):
        while not ended.is_set():
            await client.speak(AudioChunk.silence(200, INPUT_SAMPLE_RATE_HZ))


@asynccontextmanager
async def _serving(agent: Agent) -> AsyncIterator[str]:
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    app = create_app(agent)
    server = asyncio.create_task(serve(app, port=0, started=address.set_result))
    try:
        yield (await address).replace("http", "ws", 1).rstrip("/") + "/ws"
    finally:
        server.cancel()
        await asyncio.wait([server])


@pytest.fixture(scope="session")
def serve_agent(load_or_skip: Callable[[Path], AgentDefinition]) -> Iterator[Callable[[Path], Served]]:
    """Load the agent of a YAML file and serve it until the tests have ended."""
    with asyncio.Runner() as runner:
        opened = []

        def start(path: Path) -> Served:
            agent = Agent(load_or_skip(path))
            runner.run(agent.load())
            serving = _serving(agent)
            url = runner.run(serving.__aenter__())
            opened.append((agent, serving))
            return Served(runner, agent, url)

        yield start
        for agent, serving in opened:
            runner.run(serving.__aexit__(None, None, None))
            runner.run(agent.close())


@pytest.fixture(scope="session")
def quickstart(serve_agent: Callable[[Path], Served]) -> Served:
    return serve_agent(ROOT / "agents/quickstart.yaml")


@pytest.fixture(scope="session")
def clips() -> dict[Path, str]:
    """The speech clips and what is said in them."""
    with (SPEECH / "transcripts.tsv").open() as file:
        return {SPEECH / row["file"]: row["transcript"] for row in csv.DictReader(file, delimiter="\t")}
