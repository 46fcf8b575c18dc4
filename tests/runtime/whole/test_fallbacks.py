"""A whole agent, served, with lists of plugins of which the first fails: nobody who talks with it notices."""

from __future__ import annotations

import json
from urllib.request import urlopen

import pytest

pytestmark = pytest.mark.slow

AGENT = """
name: steadfast
instructions: Be brief.
stt:
  - {{plugin: simulated, script: {script}, fault: start, fault_times: 1}}
  - {{plugin: simulated, script: {script}}}
llm:
  - {{plugin: simulated, reply: The first one thinks so., fault: hang, fault_times: 1, deadline_ms: 400}}
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
        import asyncio

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
