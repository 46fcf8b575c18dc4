"""What an image holds: the packages of the plugins that are used, in the versions that are installed here."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from vivavoce.definition.choice import Choice
from vivavoce.deployment.origins import FromIndex, FromWheel, origin_of
from vivavoce_api.deployment import ModelService, Software
from vivavoce_api.weights import is_installed

RUNTIME = "vivavoce"
PROVIDED = ("modal",)
"""Packages that the target puts into every container by itself."""


def software_of_agent(choices: Iterable[Choice], extras: Iterable[str], wheels: Path | None) -> Software:
    """The runtime, the plugins of `choices`, what their offers ask for, and all that these depend on.

    `extras` of the plugins' packages are taken too, where a package has such an extra. Weights that are installed here
    as packages come along; others are fetched by `vivavoce prepare`.
    """
    choices = list(choices)
    collection = _Collection(wheels)
    collection.add(Requirement(RUNTIME))
    for choice in choices:
        collection.add(_with_extras(choice.entry.distribution, extras))
        collection.add_all(choice.offer.requirements.pip)
        for weights in choice.offer.requirements.weights:
            if is_installed(weights):
                collection.add_all(part.distribution for file in weights.files for part in file.parts)
    return collection.software(apt={name for choice in choices for name in choice.offer.requirements.apt})


@dataclass
class _Collection:
    """Distributions, each once, with all that they require on the image's platform."""

    wheels: Path | None
    pins: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    seen: set[tuple[str, frozenset[str]]] = field(default_factory=set)

    def add_all(self, requirements: Iterable[str]) -> None:
        for requirement in requirements:
            self.add(Requirement(requirement))

    def add(self, requirement: Requirement) -> None:
        """Add what satisfies `requirement` here, and what that requires; what is not installed, as it is asked for."""
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in self.seen or name in PROVIDED:
            return
        self.seen.add(key)
        try:
            found = metadata.distribution(requirement.name)
        except metadata.PackageNotFoundError:
            self.pins.setdefault(name, str(requirement).split(";")[0].strip())
            return
        self._take(name, found)
        for text in found.requires or ():
            inner = Requirement(text)
            if _applies(inner, requirement.extras):
                self.add(inner)

    def _take(self, name: str, found: metadata.Distribution) -> None:
        match origin_of(found, self.wheels):
            case FromWheel(path):
                self.files[name] = path
            case FromIndex(source):
                self.pins[name] = _pin(found, source)

    def software(self, apt: Iterable[str]) -> Software:
        return Software(
            requirements=tuple(self.pins[name] for name in sorted(self.pins)),
            wheels=tuple(self.files[name] for name in sorted(self.files)),
            apt=tuple(sorted(apt)),
            python=_python(),
        )


def _with_extras(name: str, extras: Iterable[str]) -> Requirement:
    offered = metadata.metadata(name).get_all("Provides-Extra") or ()
    wanted = ",".join(extra for extra in extras if extra in offered)
    return Requirement(f"{name}[{wanted}]" if wanted else name)


def _applies(requirement: Requirement, extras: Iterable[str]) -> bool:
    """Whether a requirement holds on the image's platform, which is Linux on x86-64 whatever this machine is."""
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate(_environment(extra)) for extra in (*extras, ""))


def _environment(extra: str) -> Mapping[str, str]:
    return {
        "extra": extra,
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "x86_64",
    }


def software_of_models(service: ModelService, target: Choice, wheels: Path | None) -> Software:
    """What a model server needs: its own requirements, and the target's plugin, which starts it, by itself."""
    found = metadata.distribution(target.entry.distribution)
    match origin_of(found, wheels):
        case FromWheel(path):
            return Software(requirements=service.requirements, wheels=(path,), python=_python())
        case FromIndex(source):
            return Software(requirements=service.requirements, alone=(_pin(found, source),), python=_python())


def _pin(found: metadata.Distribution, source: str | None) -> str:
    name = canonicalize_name(found.metadata["Name"])
    return f"{name} @ {source}" if source else f"{name}=={Version(found.version).public}"


def _python() -> str:
    return ".".join(platform.python_version_tuple()[:2])
