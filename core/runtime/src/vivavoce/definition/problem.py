"""What can be wrong with a definition, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vivavoce_api import ConfigurationError

MAX_TOLD = 50
"""Problems that one error tells."""

KeyPath = tuple[str | int, ...]
"""The way to a value: `("tools", 0, "plugin")` is written `tools[0].plugin`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `line` counts from 1; None where the file does not mention the key at all."""

    file: str
    line: int | None
    keys: KeyPath
    text: str
    fix: str | None = None

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, dotted(self.keys), self.text) if part)


def dotted(keys: KeyPath) -> str:
    """A key path as people write it."""
    text = ""
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}"
    return text.removeprefix(".")


def error_of(problems: Iterable[Problem]) -> ConfigurationError:
    """One `ConfigurationError` that tells all problems, a line each, in the order of the file."""
    found = sorted(problems, key=lambda problem: problem.line or 0)
    told = [str(problem) for problem in found[:MAX_TOLD]]
    if len(found) > MAX_TOLD:
        told.append(f"... and {len(found) - MAX_TOLD} more")
    fixes = list(dict.fromkeys(problem.fix for problem in found[:MAX_TOLD] if problem.fix))
    return ConfigurationError("\n".join(told), fix="\n       ".join(fixes) or None)
