"""A plain container: `python -m vivavoce.deployment`, until it is asked to stop."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from vivavoce.wire.client import open_client
from vivavoce_api import INPUT_SAMPLE_RATE_HZ, AudioChunk

pytestmark = [pytest.mark.slow]

START_S = 120
AGENT = "name: a\ninstructions: b\nstt: {plugin: simulated}\nllm: {plugin: simulated}\ntts: {plugin: simulated}\n"


@pytest.fixture
def server(write, catalog) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """The process, and its address once it is ready."""
    write(agent=AGENT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    variables = {**os.environ, "PORT": str(port), "VIVAVOCE_AGENT": str(Path("agents/test.yaml").absolute())}
    with subprocess.Popen([sys.executable, "-m", "vivavoce.deployment"], env=variables) as process:
        try:
            address = f"127.0.0.1:{port}"
            deadline_s = time.monotonic() + START_S
            while ready(address) != 200:
                assert process.poll() is None, "it ended"
                assert time.monotonic() < deadline_s
                time.sleep(0.2)
            yield process, address
        finally:
            process.kill()


def ready(address: str) -> int | None:
    try:
        with urllib.request.urlopen(f"http://{address}/readyz", timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return None


def status(address: str) -> dict:
    with urllib.request.urlopen(f"http://{address}/status", timeout=10) as response:
        return json.load(response)


def test_it_lets_a_conversation_end_before_it_stops(server):
    process, address = server

    async def talk() -> None:
        async with open_client(f"ws://{address}/ws") as client:
            await client.speak(AudioChunk.silence(200, INPUT_SAMPLE_RATE_HZ))
            process.send_signal(signal.SIGTERM)
            while await asyncio.to_thread(ready, address) == 200:
                await client.speak(AudioChunk.silence(100, INPUT_SAMPLE_RATE_HZ))
            assert await asyncio.to_thread(ready, address) == 503
            await client.speak(AudioChunk.silence(500, INPUT_SAMPLE_RATE_HZ))  # it is still there
            assert (await asyncio.to_thread(status, address))["sessions"]["active"] == 1

    asyncio.run(talk())
    assert process.wait(30) == 0


def test_without_conversations_it_stops_at_once(server):
    process, _ = server
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_an_agent_that_can_not_be_loaded_ends_it_with_the_reason(write, catalog):
    write(agent=AGENT.replace("stt: {plugin: simulated}", "stt: {plugin: simulated, script: words/one.json}"))
    variables = {**os.environ, "PORT": "0", "VIVAVOCE_AGENT": "agents/test.yaml"}
    command = [sys.executable, "-m", "vivavoce.deployment"]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=START_S, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: the script ")
