"""A small catalog and a way to write an agent's file."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vivavoce.builtin import vivavoce_transport
from vivavoce_api import Catalog, Kind, Offer, Options


class Voice(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pitch: float = Field(1.0, ge=0.5, le=2)


class SpeakOptions(Options):
    speed: float = Field(1.0, ge=0.5, le=2, description="How fast it speaks.")
    colour: Literal["warm", "bright"] = "warm"
    prompt: Path | None = None
    api_key: SecretStr | None = None
    voice: Voice = Voice()
    chunks: int | None = Field(None, ge=1)


class ModelOptions(Options):
    model: str = Field(max_length=100)


def offer(kind: Kind, name: str, options: type[Options] = Options) -> Offer:
    def load(options: Any, progress: Any) -> None:
        raise AssertionError("checking a file loads nothing")

    return Offer(kind=kind, name=name, summary=f"the {name} engine", options=options, load=load)


@pytest.fixture
def catalog() -> Catalog:
    return Catalog.of(
        [
            offer(Kind.SPEECH_TO_TEXT, "listen"),
            offer(Kind.LANGUAGE_MODEL, "think", ModelOptions),
            offer(Kind.TEXT_TO_SPEECH, "speak", SpeakOptions),
            offer(Kind.TEXT_TO_SPEECH, "mumble"),
            offer(Kind.VOICE_ACTIVITY, "silero"),
            offer(Kind.TURN_DETECTOR, "smart-turn"),
            offer(Kind.TOOL, "clock"),
            *vivavoce_transport(),
        ]
    )


BASE = """\
name: test
instructions: Be brief.
stt: {plugin: listen}
llm: {plugin: think, model: tiny}
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write `x.yaml` in the current folder: four good lines, then `rest` from line 5 on (or `whole` alone)."""
    monkeypatch.chdir(tmp_path)

    def write(rest: str = "tts: {plugin: speak}", *, whole: str | None = None) -> Path:
        path = Path("x.yaml")
        path.write_text(BASE + textwrap.dedent(rest) if whole is None else textwrap.dedent(whole), encoding="utf-8")
        return path

    return write
