"""Writing a new plugin's package from the templates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from vivavoce.definition.known import KNOWN_PLUGINS, NAMES_OF_KINDS
from vivavoce_api import Catalog, ConfigurationError, Kind
from vivavoce_api.catalog import HOOK_OF_KIND

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
MAX_NAME_CHARS = 40
PREFIX = "vivavoce-"
CONTRACT = ("Kind", "Offer", "Options", "Progress")


@dataclass(frozen=True, slots=True)
class Blueprint:
    """What differs between kinds; the option is an example of one."""

    capabilities: str
    conformance: str
    option: str
    option_type: str
    option_default: str
    option_words: str
    can_be_closed_early: bool = True


BLUEPRINTS = {
    Kind.SPEECH_TO_TEXT: Blueprint(
        "SpeechToTextCapabilities(partials=True)",
        "SpeechToTextConformance",
        "language", "str", '"en"', "The language that is spoken, as an ISO 639-1 code.",
    ),
    Kind.LANGUAGE_MODEL: Blueprint(
        "LanguageModelCapabilities()",
        "LanguageModelConformance",
        "opening", "str", '"You said:"', "How each reply begins.",
    ),
    Kind.TEXT_TO_SPEECH: Blueprint(
        'TextToSpeechCapabilities(sample_rate_hz=24_000, spans="clauses")',
        "TextToSpeechConformance",
        "pitch_hz", "int", "440, ge=100, le=2_000", "The pitch of the voice, in hertz.",
    ),
    Kind.VOICE_ACTIVITY: Blueprint(
        "VoiceActivityCapabilities(sample_rate_hz=16_000, window_samples=512)",
        "VoiceActivityConformance",
        "loud_at", "float", "0.02, gt=0, le=1", "The level, from 0 to 1, that is taken for a voice.",
        can_be_closed_early=False,
    ),
    Kind.TURN_DETECTOR: Blueprint(
        "TurnDetectorCapabilities(sample_rate_hz=16_000, max_audio_ms=8_000)",
        "TurnDetectorConformance",
        "quiet_ms", "int", "200, ge=20, le=2_000", "The pause, in milliseconds, that ends a turn.",
        can_be_closed_early=False,
    ),
}  # fmt: skip
"""The kinds that the conformance kit can test."""


def write_plugin(name: str, kind: Kind, parent: Path) -> Path:
    """Write the package of a new plugin into a new folder of `parent`; returns that folder.

    `name` is what the YAML will say. Raises `ConfigurationError` where it can't be one or is taken, or where the folder
    exists; what is there is never touched.
    """
    name = name.removeprefix(PREFIX)
    _check(name, kind)
    folder = parent / f"{PREFIX}{name}"
    if folder.exists():
        raise ConfigurationError(f"{folder} exists already; choose another name, or another place with --folder")
    values = _values(name, kind)
    for path, template in _files(kind, values["module"]).items():
        target = folder / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_template(template).substitute(values), encoding="utf-8")
        except OSError as error:
            raise ConfigurationError(f"{target}: can't be written: {error.strerror}") from None
    return folder


def _check(name: str, kind: Kind) -> None:
    if not NAME.fullmatch(name) or len(name) > MAX_NAME_CHARS:
        raise ConfigurationError(
            f"'{name}' can't be a plugin's name: small letters, digits and single hyphens, beginning with a letter,"
            f" {MAX_NAME_CHARS} characters at most",
            fix="vivavoce new plugin my-voice",
        )
    entry = Catalog.installed().get(kind, name)
    package = entry.distribution if entry is not None else KNOWN_PLUGINS.get(kind, {}).get(name)
    if package is not None:
        raise ConfigurationError(f"there is a {NAMES_OF_KINDS[kind]} plugin '{name}' already: {package}")


def _values(name: str, kind: Kind) -> dict[str, str]:
    blueprint, what = BLUEPRINTS[kind], NAMES_OF_KINDS[kind]
    return {
        "name": name,
        "distribution": f"{PREFIX}{name}",
        "module": f"vivavoce_{name.replace('-', '_')}",
        "Class": "".join(part.capitalize() for part in name.split("-")),
        "section": kind.value,
        "kind": kind.name,
        "hook": HOOK_OF_KIND[kind],
        "what": what[0].upper() + what[1:],
        "capabilities": blueprint.capabilities,
        "imports": ", ".join([*sorted([*CONTRACT, blueprint.capabilities.partition("(")[0]]), "hookimpl"]),
        "conformance_class": blueprint.conformance,
        "option_name": blueprint.option,
        "option_type": blueprint.option_type,
        "option_default": blueprint.option_default,
        "option_words": blueprint.option_words,
    }


def _files(kind: Kind, module: str) -> dict[str, str]:
    """The package's files, each with its template."""
    source = f"src/{module}"
    written = {
        "pyproject.toml": "common/pyproject.toml",
        "README.md": "common/README.md",
        f"{source}/__init__.py": "common/init.py",
        f"{source}/plugin.py": "common/plugin.py",
        f"{source}/engine.py": f"{kind.value}/engine.py",
        f"{source}/session.py": f"{kind.value}/session.py",
        "tests/test_conformance.py": "common/test_conformance.py",
    }
    if BLUEPRINTS[kind].can_be_closed_early:
        written[f"{source}/closing.py"] = "common/closing.py"
    return written


def _template(name: str) -> Template:
    return Template((files("vivavoce.cli") / "templates" / "plugin" / f"{name}.txt").read_text(encoding="utf-8"))
