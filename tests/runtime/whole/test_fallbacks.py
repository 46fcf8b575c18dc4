"""A whole agent, served, with lists of plugins of which the first fails: nobody who talks with it notices."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from urllib.request import urlopen

import psutil
import pytest

from vivavoce.audio.files import read_audio
from vivavoce.wire.client import open_client
from vivavoce_api import AudioChunk, ErrorNotice, ReplyAudio, ReplyEnded

pytestmark = pytest.mark.slow

AGENT = """
name: steadfast
instructions: Be brief.
stt:
  - {{plugin: simulated, script: {script}, fault: start, fault_times: 1}}
  - {{plugin: simulated, script: {script}}}
llm:
  - {{plugin: simulated, reply: The first one thinks so., fault: hang, fault_times: 1, deadline_ms: 3000}}
  - {{plugin: simulated, reply: The second one thinks so.}}
tts:
  - {{plugin: simulated, fault: load}}
  - {{plugin: simulated, streams_text: true, fault: middle, fault_times: 1}}
  - {{plugin: simulated, streams_text: true}}
turn_detector: null
completeness: null
turn: {{max_speculations: 0}}
"""


@pytest.fixture(scope="module")
def steadfast(serve_agent, tmp_path_factory):
    folder = tmp_path_factory.mktemp("steadfast")
    script = folder / "script.json"
    script.write_text(json.dumps([[{"word": "Hello.", "end_ms": 500}]]))
    path = folder / "agent.yaml"
    path.write_text(AGENT.format(script=script))
    return serve_agent(path)


def fetch(served, path):
    address = served.url.replace("ws", "http", 1).removesuffix("/ws") + path

    async def get():
        with await asyncio.to_thread(urlopen, address, timeout=10) as answer:
            return answer.read().decode()

    return served.runner.run(get())


def test_two_turns_with_an_engine_of_each_kind_failing_in_the_first(steadfast, clips):
    clip = list(clips)[4]
    first, second = steadfast.converse([clip, clip])
    # All in the first turn: the second ear hears, the second model answers, the third voice ends the second's sentence.
    assert (first.transcript, first.reply, first.errors) == ("Hello.", "The second one thinks so.", [])
    assert first.audio.duration_ms >= 65 * len("Thesecondonethinksso.")
    # By the second turn those that failed have rested.
    assert (second.transcript, second.reply, second.errors) == ("Hello.", "The first one thinks so.", [])


def test_status_and_metrics_tell(steadfast, clips):
    status = json.loads(fetch(steadfast, "/status"))
    assert {key: engine["state"] for key, engine in status["engines"].items() if "[" in key} == {
        "stt[0]": "ready", "stt[1]": "ready", "llm[0]": "ready", "llm[1]": "ready",
        "tts[0]": "not loaded", "tts[1]": "ready", "tts[2]": "ready",
    }  # fmt: skip
    assert "as it was told" in status["engines"]["tts[0]"]["error"]
    assert status["models"]["stt"] == "simulated, else simulated"
    assert [(one["from"], one["to"], one["reason"]) for one in status["fallbacks"]["tts"]] == [
        ("simulated[1]", "simulated[2]", "error")
    ]
    metrics = fetch(steadfast, "/metrics").splitlines()
    assert (
        'vivavoce_fallbacks_total{from="simulated[0]",reason="timeout",section="llm",to="simulated[1]"} 1.0' in metrics
    )
    assert 'vivavoce_fallbacks_total{from="simulated[0]",reason="error",section="stt",to="simulated[1]"} 1.0' in metrics
    assert 'vivavoce_listed_engine_ready{engine="simulated[0]",section="tts"} 0.0' in metrics
    assert 'vivavoce_listed_engine_ready{engine="simulated[1]",section="tts"} 1.0' in metrics
    wasted = next(line for line in metrics if line.startswith("vivavoce_speculations_wasted_total "))
    assert float(wasted.split()[1]) == status["speculation"]["wasted"]


FRAIL_VOICE = """
name: frail voice
instructions: Be brief.
stt: {{plugin: simulated, script: {script}}}
llm: {{plugin: simulated, reply: {reply}}}
tts:
  - {{plugin: simulated, isolation: process, streams_text: true, real_time_factor: 0.9}}
  - {{plugin: simulated, streams_text: true}}
turn_detector: null
completeness: null
turn: {{max_speculations: 0}}
"""
REPLY = "This is a sentence that takes a while to be said, and somebody ends the process that says it."


@pytest.fixture(scope="module")
def frail_voice(serve_agent, tmp_path_factory):
    """The agent, and the process id of its first voice's worker."""
    folder = tmp_path_factory.mktemp("frail-voice")
    script = folder / "script.json"
    script.write_text(json.dumps([[{"word": "Hello.", "end_ms": 500}]]))
    path = folder / "agent.yaml"
    path.write_text(FRAIL_VOICE.format(script=script, reply=json.dumps(REPLY)))
    before = psutil.Process().children()
    served = serve_agent(path)
    (worker,) = (child for child in psutil.Process().children() if child not in before)
    return served, worker.pid


def test_a_voice_that_is_killed_in_mid_sentence_is_finished_by_the_next(frail_voice, clips):
    served, worker = frail_voice

    async def talk():
        items = []
        async with open_client(served.url) as client, asyncio.timeout(60):
            speaking = asyncio.create_task(speak(client))
            async for arrival in client.arrivals():
                items.append(arrival.item)
                if isinstance(arrival.item, ReplyAudio) and len(audio_of(items)) == 20:
                    os.kill(worker, signal.SIGKILL)
                if isinstance(arrival.item, ReplyEnded):
                    break
            speaking.cancel()
        return items

    async def speak(client):
        await client.speak(read_audio(list(clips)[4]))
        while True:
            await client.speak(AudioChunk.silence(200, 16_000))

    items = served.runner.run(talk())
    assert [item.message for item in items if isinstance(item, ErrorNotice)] == []
    assert items[-1].heard == REPLY
    assert sum(item.audio.duration_ms for item in audio_of(items)) >= 65 * len(REPLY.replace(" ", ""))
    status = json.loads(fetch(served, "/status"))
    assert [(one["from"], one["to"]) for one in status["fallbacks"]["tts"]] == [("simulated[0]", "simulated[1]")]


def audio_of(items):
    return [item for item in items if isinstance(item, ReplyAudio)]
