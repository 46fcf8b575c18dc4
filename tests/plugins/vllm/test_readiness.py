"""Waiting for a model server, and checking that it is the right one, against the stand-in."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.readiness import checked_model, listed_models
from vivavoce_vllm.servers import ServerUrl

from vivavoce_api import ConfigurationError, EngineError, EngineTimeoutError

SERVER = ServerUrl.parse("http://gpu:8000")


def wait(within_s: float = 10, **options: Any) -> str:
    return asyncio.run(VllmOptions(**options).wait_for_server(within_s=within_s))


def test_name_of_the_model_that_answers(stand_in: Any) -> None:
    assert wait(base_url=stand_in.url) == "good"
    assert wait(base_url=stand_in.url, model="good") == "good"


def test_another_model_is_an_error_that_names_what_there_is(stand_in: Any) -> None:
    with pytest.raises(EngineError, match="has no model 'better'; it has 'good'") as caught:
        wait(base_url=stand_in.url, model="better")
    assert "set llm.model to good" in str(caught.value)


def test_key_goes_along(stand_in: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "secret-key")
    wait(base_url=stand_in.url, api_key_env="MY_KEY")
    health, models = stand_in.requests
    assert health.path == "/health"
    assert "authorization" not in health.headers
    assert models.headers["authorization"] == "Bearer secret-key"


def test_server_that_never_comes() -> None:
    with pytest.raises(EngineTimeoutError, match=r"127\.0\.0\.1:9/v1 is not ready after 0\.1 s"):
        wait(within_s=0.1, base_url="http://127.0.0.1:9")


def test_server_must_be_named() -> None:
    with pytest.raises(ConfigurationError, match="no model server is named"):
        wait()


@pytest.mark.parametrize(
    ("status", "listing", "words"),
    [
        (401, None, "refuses the API key"),
        (403, None, "refuses the API key"),
        (200, {"data": []}, "lists no models"),
        (200, None, "lists no models"),
        (404, {"detail": "Not Found"}, r"lists no models \(404\)"),
        (200, {"data": [{"id": "a"}, {"id": "b"}]}, "has no model 'c'; it has 'a', 'b'"),
    ],
)
def test_answers_that_will_not_do(status: int, listing: Any, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        checked_model(SERVER, status, listing, "c", "VLLM_API_KEY")


@pytest.mark.parametrize("listing", [None, [], {"data": "x"}, {"data": [1, {"id": 2}, {}]}])
def test_odd_listings_name_nothing(listing: Any) -> None:
    assert listed_models(listing) == []
