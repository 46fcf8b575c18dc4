"""What the functions in Modal's containers do, without Modal."""

from __future__ import annotations

import json
import sys
import urllib.error
from types import SimpleNamespace

import modal.experimental
import pytest
from vivavoce_modal import container, model_server


@pytest.mark.parametrize(("promised", "served", "told"), [("4", 2, [2]), ("4", 4, []), ("2", 4, []), (None, 1, [])])
def test_a_container_takes_no_more_than_its_engines_serve(monkeypatch, promised, served, told):
    received = []
    monkeypatch.setattr(modal.experimental, "set_local_input_concurrency", received.append)
    monkeypatch.setenv("MODAL_TASK_ID", "ta-1")
    monkeypatch.delenv(container.SESSIONS_VARIABLE, raising=False)
    if promised is not None:
        monkeypatch.setenv(container.SESSIONS_VARIABLE, promised)
    container.take_no_more_than_fit(SimpleNamespace(max_sessions=served))
    assert received == told


def test_a_container_that_can_not_load_takes_no_calls(monkeypatch):
    called = []
    monkeypatch.setattr(modal.experimental, "stop_fetching_inputs", lambda: called.append(1))
    monkeypatch.delenv("MODAL_TASK_ID", raising=False)
    container.take_no_calls()
    assert called == []
    monkeypatch.setenv("MODAL_TASK_ID", "ta-1")
    container.take_no_calls()
    assert called == [1]


def settings(code: str, startup_s: float = 30) -> str:
    return json.dumps({"command": [sys.executable, "-c", code], "health": "http://none.test/", "startup_s": startup_s})


def test_a_model_server_is_waited_for_until_it_is_healthy(monkeypatch):
    answers = iter([False, False, True])
    monkeypatch.setattr(model_server, "_answers", lambda url: next(answers))
    monkeypatch.setattr(model_server, "LOOK_EVERY_S", 0.01)
    monkeypatch.setenv(model_server.VARIABLE, settings("import time; time.sleep(60)"))
    assert model_server.warm().startswith("serving after ")
    assert list(answers) == []


@pytest.mark.parametrize(
    ("code", "startup_s", "told"),
    [("raise SystemExit(3)", 30, "ended with exit code 3"), ("import time; time.sleep(60)", 0, "did not answer")],
)
def test_a_model_server_that_does_not_start_is_an_error(monkeypatch, code, startup_s, told):
    def refused(*_args, **_options):
        raise urllib.error.URLError("refused")

    monkeypatch.setattr("urllib.request.urlopen", refused)
    monkeypatch.setenv(model_server.VARIABLE, settings(code, startup_s))
    with pytest.raises(RuntimeError, match=told):
        model_server.serve()
