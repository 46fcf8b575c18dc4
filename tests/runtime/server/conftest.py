"""A fake agent behind a real server on a free port of this machine."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from vivavoce.audio.opus import OpusEncoder
from vivavoce.server import Metrics, create_app, serve
from vivavoce_api.audio import AudioChunk
from vivavoce_api.transport import PlaybackReport, UserTranscript

PATIENCE_S = 20


async def echo(connection, parameters):
    """Answers each piece of sound, and each report, with a transcript that says what came."""
    async for item in connection.incoming():
        said = f"report {item.reply_id}" if isinstance(item, PlaybackReport) else f"{item.duration_ms:.0f} ms"
        await connection.send(UserTranscript(said, final=True))


class FakeAgent:
    """Holds conversations with `script`; clients that ask for `?script=NAME` get that one of `scripts`."""

    def __init__(self, script=echo, **scripts):
        self.ready = True
        self.open_conversations = 0
        self.parameters = []
        self._scripts = {"": script, **scripts}
        self._changed = asyncio.Condition()

    def status(self):
        return {"agent": "fake", "ready": self.ready, "sessions": self.open_conversations}

    async def converse(self, connection, parameters):
        self.parameters.append(dict(parameters))
        await self._count(1)
        try:
            await self._scripts[parameters.get("script", "")](connection, parameters)
        finally:
            await self._count(-1)

    async def until_open(self, count):
        """Wait until exactly `count` conversations are held."""
        async with asyncio.timeout(PATIENCE_S), self._changed:
            await self._changed.wait_for(lambda: self.open_conversations == count)

    async def _count(self, change):
        self.open_conversations += change
        async with self._changed:
            self._changed.notify_all()


class Served:
    """A running server: its agent, its metrics, its addresses."""

    def __init__(self, agent, metrics, address):
        self.agent = agent
        self.metrics = metrics
        self.http = address.rstrip("/")
        self.ws = self.http.replace("http", "ws", 1) + "/ws"

    def count(self, name, **labels):
        """A metric's value, 0 before it was ever counted."""
        return self.metrics.registry.get_sample_value(f"vivavoce_{name}", labels) or 0


@asynccontextmanager
async def running_server(agent=None, **options):
    """Serve `agent`; at the end every task but the caller's must have ended."""
    before = asyncio.all_tasks()
    agent, metrics = agent or FakeAgent(), Metrics()
    address = asyncio.get_running_loop().create_future()
    app = create_app(agent, metrics=metrics, **options)
    serving = asyncio.create_task(serve(app, "127.0.0.1", 0, started=address.set_result))
    try:
        yield Served(agent, metrics, await address)
    finally:
        serving.cancel()
        await asyncio.wait({serving})
    assert agent.open_conversations == 0
    assert asyncio.all_tasks() - before == set()


async def answers(socket):
    """Whether the server answers sound on `socket` (a plain websockets connection)."""
    (packet,) = OpusEncoder().encode(AudioChunk.silence(20, 16_000))
    await socket.send(packet)
    async with asyncio.timeout(PATIENCE_S):
        return await socket.recv() == b"\x0220 ms"


@pytest.fixture
def server_kit():
    """The names above, for tests in this folder: importlib mode has no import path between test files."""

    class Kit:
        agent = FakeAgent
        serve = staticmethod(running_server)
        answers = staticmethod(answers)
        patience_s = PATIENCE_S

    return Kit
