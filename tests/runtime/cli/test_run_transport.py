"""`vivavoce run` with a plugin's transport in place of the WebSocket."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import Field
from typer.testing import CliRunner

from vivavoce.cli.main import create_app
from vivavoce_api import AgentHost, Catalog, ConfigurationError, EngineUnavailableError, Kind, Offer, Options

AGENT = """
name: bird
instructions: sing
stt: {plugin: engine}
llm: {plugin: engine}
tts: {plugin: engine}
vad: {plugin: engine}
turn_detector: null
transport: {plugin: telephone, number: 110}
"""


class TelephoneOptions(Options):
    number: int = Field(ge=100)


class Log(list[str]):
    """What happened, in order."""

    def engine(self, options: Any, progress: Any) -> Any:
        self.append("engine loaded")

        async def close() -> None:
            self.append("engine closed")

        return SimpleNamespace(max_sessions=None, close=close)


class Telephone:
    """A transport that rings until a signal comes, or ends by itself with `error`."""

    def __init__(self, log: Log, number: int, error: Exception | None) -> None:
        self.log, self.number, self.error = log, number, error

    async def serve(self, host: AgentHost) -> None:
        assert host.ready  # type: ignore[attr-defined]
        self.log.append(f"{self.number} rings")
        if self.error is not None:
            raise self.error
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            self.log.append("hung up")

    async def close(self) -> None:
        self.log.append("telephone closed")


def run_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Log, **of_telephone: Any) -> Any:
    """The result of `vivavoce run` with that agent, its engines and a telephone installed."""
    kinds = (Kind.SPEECH_TO_TEXT, Kind.LANGUAGE_MODEL, Kind.TEXT_TO_SPEECH, Kind.VOICE_ACTIVITY)
    engines = [Offer(kind=kind, name="engine", summary="", options=Options, load=log.engine) for kind in kinds]
    telephone = Offer(Kind.TRANSPORT, "telephone", "rings", TelephoneOptions, **of_telephone)
    catalog = Catalog.of([*engines, telephone])
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: catalog))
    path = tmp_path / "bird.yaml"
    path.write_text(AGENT)
    return CliRunner().invoke(create_app(), ["run", str(path)])


def test_the_transport_is_prepared_loaded_served_and_closed(tmp_path, monkeypatch):
    log = Log()

    def prepare(options: Any, progress: Any) -> None:
        log.append("telephone prepared")

    def load(options: TelephoneOptions, progress: Any) -> Telephone:
        log.append("telephone loaded")
        return Telephone(log, options.number, error=None)

    result = run_agent(tmp_path, monkeypatch, log, prepare=prepare, load=load)
    assert result.exit_code == 0
    assert log == [
        *("telephone prepared", "telephone loaded", *["engine loaded"] * 4),
        *("110 rings", "hung up", "telephone closed", *["engine closed"] * 4),
    ]
    assert "bird is ready.\n  Transport   telephone: rings\n  Engines     engine → engine → engine" in result.stdout
    assert "http" not in result.stdout
    assert result.stdout.endswith("stopped\n")
    assert "transport telephone: ready" in result.stderr


def test_a_transport_that_ends_with_an_error_is_told_and_everything_closed(tmp_path, monkeypatch):
    log = Log()
    error = EngineUnavailableError("the line is dead")
    result = run_agent(tmp_path, monkeypatch, log, load=lambda options, progress: Telephone(log, 110, error))
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "error: the line is dead")
    assert log[-5:] == ["telephone closed", *["engine closed"] * 4]


def test_a_transport_that_refuses_its_settings_does_so_before_the_engines_load(tmp_path, monkeypatch):
    log = Log()

    def load(options: TelephoneOptions, progress: Any) -> Telephone:
        raise ConfigurationError("no such number")

    result = run_agent(tmp_path, monkeypatch, log, load=load)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (1, "error: no such number")
    assert log == []
