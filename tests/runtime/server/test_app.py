"""The machines' endpoints and the page's files."""

import asyncio
import re

import httpx2
import pytest

from vivavoce.server import Metrics, create_app
from vivavoce.server.app import PAGE_FILES
from vivavoce_api.transport import ErrorNotice, TurnLatency


@pytest.fixture
def get(server_kit):
    """GET a path of an app around a fake agent."""

    def fetch(path, *, ready=True, metrics=None):
        async def request():
            agent = server_kit.agent()
            agent.ready = ready
            transport = httpx2.ASGITransport(create_app(agent, metrics=metrics))
            async with httpx2.AsyncClient(transport=transport, base_url="http://agent") as client:
                return await client.get(path)

        return asyncio.run(request())

    return fetch


def test_status_is_the_agents(get):
    assert get("/status").json() == {"agent": "fake", "ready": True, "sessions": 0}


@pytest.mark.parametrize(("ready", "code"), [(True, 200), (False, 503)])
def test_ready_only_when_loaded_but_healthy_before(get, ready, code):
    assert get("/readyz", ready=ready).status_code == code
    assert get("/healthz", ready=ready).status_code == 200


def test_metrics_count_what_passes(get):
    metrics = Metrics()
    metrics.session_opened()
    metrics.sent(TurnLatency(1, 187.0, {}))
    metrics.sent(ErrorNotice("no"))
    text = get("/metrics", metrics=metrics).text
    assert "vivavoce_sessions_open 1.0" in text
    assert "vivavoce_turns_total 1.0" in text
    assert 'vivavoce_voice_to_voice_seconds_bucket{le="0.2"} 1.0' in text
    assert 'vivavoce_voice_to_voice_seconds_bucket{le="0.15"} 0.0' in text
    assert "vivavoce_error_notices_total 1.0" in text


def test_metrics_show_what_the_status_counts(server_kit):
    agent = server_kit.agent()
    agent.status = lambda: {
        "speculation": {"wasted": 3, "wasted_pieces": 40, "wasted_audio_ms": 2500},
        "engines": {
            "stt": {"state": "ready"},
            "tts[0]": {"name": "rime", "state": "resting"},
            "tts[1]": {"name": "hibari", "state": "ready"},
        },
        "fallbacks": {"tts": [{"from": "rime", "to": "hibari", "reason": "timeout", "count": 2}]},
    }
    metrics = Metrics()
    create_app(agent, metrics=metrics)
    lines = metrics.exposition().decode().splitlines()
    assert "vivavoce_speculations_wasted_total 3.0" in lines
    assert "vivavoce_speculation_wasted_pieces_total 40.0" in lines
    assert "vivavoce_speculation_wasted_audio_seconds_total 2.5" in lines
    assert 'vivavoce_fallbacks_total{from="rime",reason="timeout",section="tts",to="hibari"} 2.0' in lines
    assert 'vivavoce_listed_engine_ready{engine="rime",section="tts"} 0.0' in lines
    assert 'vivavoce_listed_engine_ready{engine="hibari",section="tts"} 1.0' in lines


def test_two_servers_in_one_process_count_apart(get):
    counted, fresh = Metrics(), Metrics()
    counted.session_opened()
    assert "vivavoce_sessions_open 0.0" in get("/metrics", metrics=fresh).text


def test_the_page_and_all_it_names_are_served(get):
    page = get("/")
    assert page.headers["content-type"].startswith("text/html")
    named = set(re.findall(r'(?:src|href)="/page/([^"]+)"', page.text))
    scripts = "".join(get(f"/page/{name}").text for name in PAGE_FILES if name.endswith(".js"))
    named |= set(re.findall(r'["\'](?:\./|/page/)([a-z]+\.js)["\']', scripts))
    assert named | {"index.html"} == set(PAGE_FILES)
    assert all(get(f"/page/{name}").status_code == 200 for name in named)
    assert get("/page/../app.py").status_code == 404
    assert get("/page/nothing").status_code == 404


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing_inline(get):
    page = get("/")
    assert "'unsafe" not in page.headers["content-security-policy"]
    for name in PAGE_FILES:
        text = get(f"/page/{name}").text
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", text), name
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page.text)
