"""`agents/therapist.yaml` from the socket to the socket: Whisper, a model server in vLLM's place, and VoXtream.

The speech is noise, for VoXtream's weights are made up; everything else is real. Four lines are added to the file:
that, two streams as on a GPU, and patience with a model server that shares two cores with all the rest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from vivavoce.agent import Agent
from vivavoce.audio.files import read_audio
from vivavoce.definition import load_agent
from vivavoce.server.app import create_app
from vivavoce.server.serving import serve
from vivavoce.wire.client import open_client
from vivavoce_api import (
    INPUT_SAMPLE_RATE_HZ,
    AudioChunk,
    Catalog,
    ErrorNotice,
    ReplyAudio,
    ReplyEnded,
    UserTranscript,
    no_progress,
)

LLAMACPP = "pip install 'vivavoce-llamacpp[weights]'"
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[3]
CLIPS = ROOT / "tests/data/speech"
SAID = CLIPS / "common_voice_en_10119832.wav"
TURN_TIMEOUT_S = 240
PATIENCE = "first_token_timeout_s: 120\n  token_timeout_s: 60"


@pytest.fixture(scope="module")
def model_server() -> Iterator[Any]:
    """The embedded model behind an OpenAI-compatible server."""
    models = pytest.importorskip("vivavoce_llamacpp.models", reason=LLAMACPP)
    from vivavoce_llamacpp.server_process import ServerProcess

    path = models.model_path(models.DEFAULT_MODEL, no_progress)
    settings = {"model": str(path), "threads": 2, "slots": 1, "context_tokens": 2048, "cache_ram_mib": 0}
    process = ServerProcess(settings, 180)
    process.start()
    yield process.address
    process.stop()


@pytest.fixture
def therapist(tmp_path: Path, model_server: Any, monkeypatch: pytest.MonkeyPatch) -> Agent:
    """The agent as it is, but for the voice's weights; its voice was added by hand."""
    monkeypatch.setenv("VLLM_URL", f"{model_server.url}/v1")
    monkeypatch.setenv("VLLM_API_KEY", model_server.api_key)
    written = (ROOT / "agents/therapist.yaml").read_text()
    for plugin, more in (("voxtream", "model: random-tiny\n  streams: 2"), ("vllm", PATIENCE)):
        assert written.count(f"  plugin: {plugin}\n") == 1
        written = written.replace(f"  plugin: {plugin}\n", f"  plugin: {plugin}\n  {more}\n")
    path = tmp_path / "therapist.yaml"
    path.write_text(written)
    (tmp_path / "voices").mkdir()
    (tmp_path / "voices/anna.wav").write_bytes((CLIPS / "common_voice_en_120405.wav").read_bytes())
    return Agent(load_agent(path, Catalog.installed()))


class Caller:
    """Says something and listens to the replies."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self.transcript, self.heard, self.errors = "", "", list[str]()
        self.sound = 0
        self.sounds, self.ended = asyncio.Event(), asyncio.Event()

    async def listen(self) -> None:
        async for arrival in self.client.arrivals():
            match arrival.item:
                case ReplyAudio(audio=audio):
                    self.sound += audio.samples
                    self.sounds.set()
                case UserTranscript(text=text, final=True):
                    self.transcript = text
                case ErrorNotice(message=message):
                    self.errors.append(message)
                case ReplyEnded(heard=heard):
                    self.heard = heard
                    self.ended.set()

    async def turn(self, clip: Path | None) -> None:
        """Say a clip, if any, and wait for the end of the reply."""
        self.ended.clear()
        self.sounds.clear()
        self.sound = 0
        if clip is not None:
            await self.client.speak(read_audio(clip))
        await self.silence_until(self.ended)

    async def silence_until(self, event: asyncio.Event) -> None:
        async with asyncio.timeout(TURN_TIMEOUT_S):
            while not event.is_set():
                await self.client.speak(AudioChunk.silence(200, INPUT_SAMPLE_RATE_HZ))


def speaking_worker(agent: Agent) -> psutil.Process:
    """The worker process of the voice that speaks now."""
    pool = agent._engines.loaded["tts"]._pool  # type: ignore[union-attr]
    (worker,) = [place.worker for place in pool.places if place.worker is not None and place.worker.streams]
    return psutil.Process(worker.pid)


def test_it_listens_thinks_and_speaks_and_survives_its_voice(therapist):
    async def work() -> None:
        await therapist.load()
        assert therapist.status()["models"]["tts"] == "voxtream (random-tiny)"
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        server = asyncio.create_task(serve(create_app(therapist), port=0, started=address.set_result))
        try:
            url = (await address).replace("http", "ws", 1).rstrip("/") + "/ws"
            async with open_client(url) as client:
                await converse(therapist, Caller(client))
        finally:
            server.cancel()
            await asyncio.wait([server])
            await therapist.close()

    asyncio.run(work())


async def converse(agent: Agent, caller: Caller) -> None:
    """The greeting, a turn, a turn in which the voice is killed while it speaks, and one that is answered again."""
    listening = asyncio.create_task(caller.listen())
    await caller.turn(None)
    assert caller.sound, "the greeting"
    await caller.turn(SAID)
    assert caller.transcript, "what the user said"
    assert caller.heard, "what was answered"
    assert caller.sound
    assert caller.errors == []

    killed: list[psutil.Process] = []

    async def kill_when_it_speaks() -> None:
        await caller.sounds.wait()
        killed.append(speaking_worker(agent))
        killed[0].kill()

    killer = asyncio.create_task(kill_when_it_speaks())
    await caller.turn(SAID)
    await killer
    assert not killed[0].is_running()
    assert caller.errors, "that turn told of it"
    caller.errors.clear()
    await caller.turn(SAID)
    assert caller.errors == [], "the other worker speaks"
    assert caller.heard
    assert caller.sound
    listening.cancel()
