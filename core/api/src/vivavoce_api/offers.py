"""Offers: what a plugin can load, described as data, so that choosing one loads nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict

from vivavoce_api.isolation import Isolation
from vivavoce_api.weights import Weights


class Kind(str, Enum):
    """What an offer is for; the value is the section of the agent's YAML where it is chosen."""

    SPEECH_TO_TEXT = "stt"
    LANGUAGE_MODEL = "llm"
    TEXT_TO_SPEECH = "tts"
    VOICE_ACTIVITY = "vad"
    TURN_DETECTOR = "turn_detector"
    TRANSPORT = "transport"
    TOOL = "tool"
    DEPLOYMENT_TARGET = "deployment_target"


class Options(BaseModel):
    """Base of every offer's options: unknown keys are errors, instances are immutable.

    Give each field a description (`Field(description=...)`): editors show it while the YAML is written.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Progress(Protocol):
    """Told how loading goes; safe to call from the thread that loads."""

    def __call__(self, step: str, done: int = 0, total: int | None = None) -> None:
        """`step` in words a person understands; `done` of `total` in bytes or pieces, where there is such a count."""
        ...


def no_progress(step: str, done: int = 0, total: int | None = None) -> None:
    """A `Progress` that shows nothing."""


@dataclass(frozen=True, slots=True)
class Requirements:
    """What must be there when an image with this offer is built.

    `pip`: requirement strings beyond the plugin's own dependencies. `apt`: Debian packages. `environment`:
    names of environment variables (secrets among them). `weights`: model files and where they come from.
    """

    pip: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    weights: tuple[Weights, ...] = ()


def prepare_nothing(options: Any, progress: Progress) -> None:
    """The default of `Offer.prepare`."""


@dataclass(frozen=True)
class Offer:
    """One engine that a plugin can load.

    - `name` is what the YAML says: `tts: {plugin: NAME}`. Unique within its kind.
    - `options` is the pydantic model of all other keys of that section.
    - `load(options, progress)` blocks and is called in a thread, once per distinct options: heavy imports and
      reading weights happen here. It returns the kind's engine, warm. Raises `VivavoceError`.
    - `prepare(options, progress)` blocks too: fetch weights, compile. Called before `load`, and by
      `vivavoce prepare` and image builds; doing it twice costs nothing.
    - `capabilities` is the kind's capabilities object.
    - `session_parameters` are names of URL query parameters that sessions accept from the client.
    - `licence` is what a user must know before using it commercially.
    - `isolation` says whether the engine runs in a process or an environment of its own.
    """

    kind: Kind
    name: str
    summary: str
    options: type[Options]
    load: Callable[[Any, Progress], Any]
    capabilities: Any = None
    prepare: Callable[[Any, Progress], None] = prepare_nothing
    requirements: Requirements = field(default_factory=Requirements)
    session_parameters: tuple[str, ...] = ()
    licence: str = "Apache-2.0"
    isolation: Isolation = field(default_factory=Isolation)
