"""Which class of pipecat-ai a YAML name means, found without importing anything that was not asked for."""

from __future__ import annotations

import difflib
import importlib.util
import re
from importlib import metadata
from pathlib import Path

from vivavoce_api import ConfigurationError, Kind, PrerequisiteError
from vivavoce_pipecat.models import INSTALL
from vivavoce_pipecat.quiet import import_quietly

BASES = {
    Kind.SPEECH_TO_TEXT: "pipecat.services.stt_service.STTService",
    Kind.LANGUAGE_MODEL: "pipecat.services.llm_service.LLMService",
    Kind.TEXT_TO_SPEECH: "pipecat.services.tts_service.TTSService",
    Kind.TRANSPORT: "pipecat.transports.base_transport.BaseTransport",
}
PACKAGES = {Kind.TRANSPORT: "transports"}
NAMES_SHOWN = 12

_CLASS = re.compile(r"^class ([A-Za-z]\w*)\(", re.MULTILINE)
_EXTRA = re.compile(r"pipecat-ai\[([a-z0-9,-]+)\]")


def resolve(kind: Kind, name: str) -> type:
    """The class that `name` (`module.Class`, below `pipecat.services`) means, of the given kind.

    A class that the YAML's module holds anywhere below it counts: `rime.RimeTTSService` is
    `pipecat.services.rime.tts.RimeTTSService`. Nothing outside of Pipecat's package can be named. Raises
    `ConfigurationError` (no such class, or one of another kind) and `PrerequisiteError` (an extra is missing).
    """
    root = pipecat_folder() / PACKAGES.get(kind, "services")
    module_path, _, class_name = name.rpartition(".")
    for file in _source_files(root, module_path):
        if class_name in _CLASS.findall(file.read_text(encoding="utf-8")):
            return _checked(kind, name, _load(root, file, class_name))
    raise ConfigurationError(_no_such_class(kind, name, root))


def pipecat_folder() -> Path:
    """Where pipecat is installed. Raises `PrerequisiteError`."""
    package = importlib.util.find_spec("pipecat")
    if package is None or not package.submodule_search_locations:
        raise PrerequisiteError("pipecat-ai is not installed", fix=f"pip install {INSTALL}")
    return Path(next(iter(package.submodule_search_locations)))


def _source_files(root: Path, module_path: str) -> list[Path]:
    """The modules that a name can mean: the module itself, else all of the package, its own modules first."""
    base = root.joinpath(*module_path.split("."))
    file = base.with_suffix(".py")
    files = [file] if file.is_file() else []
    if base.is_dir():
        files += sorted(base.rglob("*.py"), key=lambda path: (len(path.parts), path))
    return files


def _load(root: Path, file: Path, class_name: str) -> type:
    parts = file.relative_to(root.parent).with_suffix("").parts
    module_name = ".".join(("pipecat", *(part for part in parts if part != "__init__")))
    try:
        return getattr(import_quietly(module_name), class_name)
    except ImportError as error:
        raise PrerequisiteError(
            f"{class_name} needs a package that is not installed ({error})",
            fix=f'pip install "pipecat-ai[{_extra(root, file)}]"',
        ) from error


def _extra(root: Path, file: Path) -> str:
    """The extra of pipecat-ai that brings what this module needs, as the module itself says, else by its name."""
    named = _EXTRA.search(file.read_text(encoding="utf-8"))
    if named:
        return named.group(1)
    provider = file.relative_to(root).parts[0].removesuffix(".py").replace("_", "-")
    known = metadata.metadata("pipecat-ai").get_all("Provides-Extra") or []
    return next(iter(difflib.get_close_matches(provider, known, n=1)), provider)


def _checked(kind: Kind, name: str, found: type) -> type:
    module, _, base = BASES[kind].rpartition(".")
    if isinstance(found, type) and issubclass(found, getattr(import_quietly(module), base)):
        return found
    raise ConfigurationError(f"{kind.value}: '{name}' is no {base}, so it can't be used here")


def _no_such_class(kind: Kind, name: str, root: Path) -> str:
    """Words for a name that means nothing, with the names that come nearest."""
    suffix = "Transport" if kind is Kind.TRANSPORT else f"{kind.value.upper()}Service"
    known = sorted(
        f"{'.'.join(file.relative_to(root).parts[:-1])}.{class_name}"
        for file in root.rglob("*/*.py")
        for class_name in _CLASS.findall(file.read_text(encoding="utf-8"))
        if class_name.endswith(suffix) and not class_name.endswith(("InputTransport", "OutputTransport"))
    )
    provider = name.split(".")[0]
    nearest = difflib.get_close_matches(name, known, n=NAMES_SHOWN, cutoff=0.5)
    shown = [other for other in known if other.startswith(f"{provider}.")][:NAMES_SHOWN] or nearest or known
    return f"pipecat-ai has no {kind.value} class '{name}'; did you mean one of these? {', '.join(shown[:NAMES_SHOWN])}"
