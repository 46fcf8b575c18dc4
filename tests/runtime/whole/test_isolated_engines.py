"""A whole agent whose engines run in worker processes: killing any of them in mid-sentence costs one turn at most."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import psutil
import pytest

from vivavoce.audio.files import read_audio
from vivavoce.wire.client import open_client
from vivavoce_api import INPUT_SAMPLE_RATE_HZ, AudioChunk, ErrorNotice, ReplyAudio, ReplyEnded

pytestmark = pytest.mark.slow

QUIET_S = 4
REPLY = "I see, and I would like to hear a little more of that, if you have the time to tell me about it."
AGENT = """
name: housed
instructions: Be brief.
stt: {{plugin: simulated, script: {script}, isolation: process}}
llm: {{plugin: simulated, token_ms: 60, reply: "{reply}", isolation: process}}
tts: {{plugin: simulated, streams_text: true, isolation: process}}
vad: {{plugin: silero, isolation: process}}
turn_detector: {{plugin: smart-turn, isolation: process}}
"""


@pytest.fixture(scope="module")
def others():
    """Processes of other tests' engines."""
    return set(psutil.Process().children())


@pytest.fixture(scope="module")
def housed(others, serve_agent, tmp_path_factory):
    folder = tmp_path_factory.mktemp("housed")
    script = folder / "script.json"
    script.write_text(json.dumps([[{"word": "Hello.", "end_ms": 500}]]))
    path = folder / "agent.yaml"
    path.write_text(AGENT.format(script=script, reply=REPLY))
    return serve_agent(path)


def workers_of(section: str, others: set[psutil.Process]) -> list[psutil.Process]:
    """The worker processes of a section of the agent."""
    found = []
    for process in set(psutil.Process().children()) - others:
        command = process.cmdline()
        if "vivavoce_api.worker" in command and command[-1].startswith(f"{section} "):
            found.append(process)
    return found


class Caller:
    """A client that notes what it hears, turn by turn, and tells of the first sound of a reply."""

    def __init__(self, client) -> None:
        self.client = client
        self.heard, self.errors = "", []
        self.sounds, self.ended = asyncio.Event(), asyncio.Event()
        self.quiet_since_s = 0.0

    async def listen(self):
        async for arrival in self.client.arrivals():
            if isinstance(arrival.item, ReplyAudio):
                self.sounds.set()
                self.quiet_since_s = asyncio.get_running_loop().time()
            elif isinstance(arrival.item, ErrorNotice):
                self.errors.append(arrival.item.message)
                self.ended.set()
            elif isinstance(arrival.item, ReplyEnded):
                self.heard = arrival.item.heard
                self.ended.set()

    async def settle(self):
        """Be silent until nothing was heard for a while: whatever is left of a turn has ended then."""
        loop = asyncio.get_running_loop()
        self.quiet_since_s = loop.time()
        while loop.time() - self.quiet_since_s < QUIET_S:
            await self.client.speak(AudioChunk.silence(100, INPUT_SAMPLE_RATE_HZ))

    async def turn(self, clip, misdeed=None, when="reply"):
        """Say a clip and wait for the reply's end; `misdeed` in the middle of the clip or of the reply."""
        self.heard, self.errors = "", []
        self.sounds.clear()
        self.ended.clear()
        half_ms = clip.duration_ms / 2
        await self.client.speak(clip.slice_ms(0, half_ms))
        if misdeed is not None and when == "clip":
            misdeed()
        await self.client.speak(clip.slice_ms(half_ms))
        async with asyncio.timeout(60):
            while not self.ended.is_set():
                await self.client.speak(AudioChunk.silence(100, INPUT_SAMPLE_RATE_HZ))
                if misdeed is not None and when == "reply" and self.sounds.is_set():
                    misdeed()
                    misdeed = None


@pytest.mark.parametrize(
    ("section", "when"),
    [("tts", "reply"), ("llm", "reply"), ("stt", "clip"), ("vad", "clip"), ("turn_detector", "clip")],
)
def test_a_killed_worker_costs_one_turn_at_most(housed, others, clips, section, when):
    clip = read_audio(list(clips)[4])
    victims = []

    def kill():
        (worker,) = workers_of(section, others)
        victims.append(worker)
        os.kill(worker.pid, signal.SIGKILL)

    async def scenario():
        async with open_client(housed.url) as client:
            caller = Caller(client)
            listening = asyncio.create_task(caller.listen())
            await caller.turn(clip, kill, when)
            await caller.settle()
            if section == "tts":
                assert caller.errors
            await caller.turn(clip)
            assert (caller.heard, caller.errors) == (REPLY, [])
            listening.cancel()

    housed.runner.run(scenario())
    assert {engine["state"] for engine in housed.agent.status()["engines"].values()} == {"ready"}
    assert not victims[0].is_running()
    assert [worker.is_running() for worker in workers_of(section, others)] == [True]
