"""Deployment: what a place that runs agents is given, and what such a place offers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, Union, runtime_checkable


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine and its place in the container: a relative path, with slashes."""

    path: Path
    place: str


@dataclass(frozen=True, slots=True)
class Software:
    """What an image holds, worked out from what is installed here.

    `requirements`: exact pins (`name==version`), from a package index, all that the others depend on among them.
    `alone`: more of them, to be installed without their dependencies. `wheels`: files of this machine, to be installed
    without their dependencies; what was installed here from a local folder is one of them. `apt`: Debian packages.
    `python`: version, such as `3.11`.
    """

    requirements: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()
    apt: tuple[str, ...] = ()
    python: str = "3.11"


@dataclass(frozen=True, slots=True)
class AgentService:
    """An agent to serve: over HTTP and WebSocket, by `vivavoce.deployment.container:application`.

    `agent` is the place of its YAML among `files`; those change often, nothing is built from them. `preparation` is
    all that `vivavoce prepare` needs at image-build time: `prepared`, the YAML's engine sections alone, so that
    editing the instructions builds nothing anew, and what these name. `sessions`: conversations that one container
    may hold at once.
    """

    name: str
    agent: str
    files: tuple[LocalFile, ...]
    prepared: str
    preparation: tuple[LocalFile, ...]
    sessions: int


@dataclass(frozen=True, slots=True)
class ModelService:
    """A model server to run: `command` listens on `port` of all interfaces; `health_path` answers 200 once it serves.

    `requirements` are the pip requirements of an image that runs it. The command reads its API key from the
    environment variable `api_key_variable`; it never holds the key itself.
    """

    name: str
    command: tuple[str, ...]
    port: int
    requirements: tuple[str, ...] = ()
    health_path: str = "/health"
    api_key_variable: str = "VLLM_API_KEY"


@runtime_checkable
class RunsModelServer(Protocol):
    """Offered by the options of a language model whose server can be run for it.

    `vivavoce serve-llm` runs what it says on this machine, a deployment (`model_server: {plugin: ..., ...}`) elsewhere.
    """

    def model_service(
        self, gpu: str | None = None, *, beside: Mapping[str, int] | None = None, host: str = "0.0.0.0"
    ) -> ModelService:
        """The server, with the flags for `gpu` (a name as A100 or H100:2; None: unknown). Loads and contacts nothing.

        `beside`: plugins that share the card, and the number of processes of each. `host`: the address it listens on.
        Raises `ConfigurationError` where the options don't say enough, such as which model, or it can't fit.
        """
        ...

    async def wait_for_server(self, url: str | None = None, *, within_s: float) -> str:
        """Wait until the server at `url` (None: the one that the options name) is ready; the name of its model.

        Raises `EngineTimeoutError` after `within_s` seconds, and `EngineError` where it refuses the key or has another
        model than the options name, which the message then names.
        """
        ...


Service = Union[AgentService, ModelService]


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, read from `path` and checked.

    `environment`: variables of the container. `secrets`: the target's secrets by name, and the variables that each
    holds. `notes`: what may be missing, in words for a person. `watched`: files whose change changes the deployment.
    """

    path: Path
    service: Service
    software: Software
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    watched: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Deployed:
    """What came of deploying: where the service answers, and where the target shows its state."""

    url: str
    dashboard: str | None = None


class DeploymentTarget(Protocol):
    """A place that runs agents, as the deployment's YAML configures it."""

    def describe(self, deployment: Deployment) -> str:
        """What deploying would do, line by line, for `--dry-run`. Contacts nothing. Raises `ConfigurationError`."""
        ...

    def deploy(self, deployment: Deployment) -> Deployed:
        """Deploy it; blocks, and shows its own progress. Raises `ConfigurationError`, `PrerequisiteError`."""
        ...
