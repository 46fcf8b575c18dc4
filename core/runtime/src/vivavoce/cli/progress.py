"""How loading looks: a line for each engine, with its step, how far it is, and how long it has taken."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from types import TracebackType

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

MEBIBYTE = 1 << 20

READY = "ready"
"""The step that `Agent.load` reports last for each engine."""


class LoadingDisplay:
    """A context that shows what `Agent.load` reports; call it from any thread.

    `labels` say what each engine is. On a terminal the lines move; elsewhere each new step is printed once.
    """

    def __init__(self, console: Console, labels: Mapping[str, str]) -> None:
        self._console = console
        self._labels = labels
        self._lock = threading.Lock()
        self._progress = Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("[bold]{task.description}"),
            TextColumn("{task.fields[step]}", markup=False),
            TextColumn("{task.fields[amount]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}
        self._steps: dict[str, str] = {}

    def __call__(self, engine: str, step: str, done: int = 0, total: int | None = None) -> None:
        """`engine` is at `step`, `done` of `total` bytes or pieces."""
        name = f"{engine} {self._labels.get(engine, '')}".strip()
        with self._lock:  # engines load in several threads
            if engine not in self._tasks:
                self._tasks[engine] = self._progress.add_task(name, total=None, step="", amount="")
            if self._steps.get(engine) != step:
                self._steps[engine] = step
                if not self._console.is_terminal:
                    self._console.print(f"{name}: {step}", markup=False)
        if step == READY:
            self._progress.update(self._tasks[engine], total=1, completed=1, step=step, amount="")
        else:
            self._progress.update(self._tasks[engine], step=step, amount=amount(done, total))

    def __enter__(self) -> LoadingDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()


def amount(done: int, total: int | None) -> str:
    """How far a step is, in words: `12 of 140 MiB`, `3 of 5`; empty where it isn't known."""
    if total is None or total <= 0:
        return ""
    if total >= MEBIBYTE:
        return f"{done // MEBIBYTE} of {total // MEBIBYTE} MiB"
    return f"{done} of {total}"
