"""Isolation: whether an engine runs in a process, or even in an environment, of its own, described as data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

IsolationLevel = Literal["none", "process", "environment"]
"""`none`: in the server's process. `process`: in worker processes of the same environment, so that a crash costs one
turn. `environment`: in worker processes with a virtual environment of their own, so that its packages need not get
on with the server's."""


def one_worker(options: Any) -> int:
    """The default of `Isolation.workers`."""
    return 1


def nothing_to_install(progress: Any) -> None:
    """The default of `Isolation.after_install`."""


@dataclass(frozen=True, slots=True)
class Isolation:
    """Where an engine runs, and what its environment and its workers are like.

    - `default` holds where the YAML does not say: `tts: {plugin: NAME, isolation: process}` does.
    - `pip` are the requirements of its own environment, beyond the plugin's distribution (with its dependencies)
      and vivavoce-api; `overrides` are requirements that replace what other packages ask for (uv's `--override`),
      for pins that are wrong; `python` is the environment's Python version.
    - `after_install(progress)` runs once, inside the new environment, at the end of its building, and in image
      builds: what the packages need and pip can't do, whatever the options. It blocks; it raises `VivavoceError`.
    - `workers(options)` is the number of processes; each loads the engine once. It is called in the server's
      process, in a thread, and must import nothing heavy.
    - `streams_per_worker` is how many streaming calls (`synthesize`, `generate`, `transcribe`) one worker serves at
      once; further ones wait up to `wait_s` seconds, then raise `EngineBusyError`. None: any number.
    - `variables` are set in the workers' environment before Python starts there (`{"OMP_NUM_THREADS": "2"}`).
    - `start_s` bounds how long a worker may be silent while it imports and loads: it beats while it works.

    With several workers, calls that are independent of each other (text-to-speech) go to any worker that is free;
    the sessions of all other kinds, and of engines that limit their sessions, stay with one worker.
    """

    default: IsolationLevel = "none"
    pip: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    python: str = "3.11"
    after_install: Callable[[Any], None] = nothing_to_install
    workers: Callable[[Any], int] = one_worker
    streams_per_worker: int | None = None
    wait_s: float = 5.0
    variables: Mapping[str, str] = field(default_factory=dict)
    start_s: float = 60.0
