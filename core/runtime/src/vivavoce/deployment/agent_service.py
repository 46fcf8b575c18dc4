"""The files that an agent needs where it runs: its YAML, what that names, and the part that images are built from."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from vivavoce.definition.agent import SECTION_KINDS, AgentDefinition
from vivavoce.definition.document import read_document
from vivavoce_api import ConfigurationError
from vivavoce_api.deployment import AgentService, LocalFile
from vivavoce_api.weights import cache_folder

MAX_FILES = 2_000
"""Files that one agent may bring along; more is a folder named by mistake."""

ENGINE_SECTIONS = (*SECTION_KINDS, "tools")
PREPARED = "prepare.yaml"


def agent_service(agent: AgentDefinition, sessions: int) -> AgentService:
    """The service that `agent` is, with all its files. Raises `ConfigurationError` for files that can't go along."""
    document = read_document(agent.path)
    named = _named_files(agent, document.data)
    root = _common_folder([agent.path, *named])
    place = _place(agent.path, root)
    files = [LocalFile(path, _place(path, root)) for path in named]
    prepared = str(Path(place).with_name(f"{agent.path.stem}.{PREPARED}").as_posix())
    engines = LocalFile(_engine_sections(document.data), prepared)
    return AgentService(
        name=agent.name,
        agent=place,
        files=(LocalFile(agent.path.absolute(), place), *files),
        prepared=prepared,
        preparation=(engines, *files),
        sessions=sessions,
    )


def _engine_sections(data: Mapping[str, Any]) -> Path:
    """A file with the sections that name plugins, as they stand; its name is a digest of its content.

    It is an agent by itself, so that `vivavoce prepare` takes it, and stays the same when instructions are edited.
    """
    engines = {name: data[name] for name in ENGINE_SECTIONS if name in data}
    agent = {"name": "prepared while its image was built", "instructions": "None.", **engines}
    text = json.dumps(agent, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    folder = cache_folder() / "deployments"
    path = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.yaml"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return path


def _named_files(agent: AgentDefinition, data: Mapping[str, Any]) -> list[Path]:
    """Files that the engine sections name: options that are paths, and texts that are a file beside the YAML.

    Folders count only below the YAML's own: others are places to keep things in, such as caches.
    """
    folder = agent.path.absolute().parent
    found = [path for path in named_paths(agent) if path.is_file() or folder in path.parents]
    for section in ENGINE_SECTIONS:
        found += [folder / text for text in _texts(data.get(section)) if _is_file(folder, text)]
    files = sorted({Path(os.path.normpath(file)) for path in found for file in _files_of(path)})
    if len(files) > MAX_FILES:
        raise ConfigurationError(f"{agent.path}: names folders with {len(files)} files; {MAX_FILES} is the most")
    for text in _texts({section: data.get(section) for section in ENGINE_SECTIONS}):
        if os.path.isabs(text) and Path(text) in files:
            raise ConfigurationError(
                f"{agent.path}: {text} is an absolute path, which no container has", fix="write it relative to the file"
            )
    return files


def named_paths(agent: AgentDefinition) -> list[Path]:
    """All options of the agent's plugins that are paths; what is there and what is not."""
    return [path for choice in agent.choices() for path in _paths(choice.options)]


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, BaseModel):
        value = {name: getattr(value, name) for name in type(value).model_fields}
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _paths(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _paths(one)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _is_file(folder: Path, text: str) -> bool:
    return "." in text and len(text) < 256 and "\n" not in text and (folder / text).is_file()


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from (one for one in path.rglob("*") if one.is_file() and not one.name.startswith("."))
    elif path.is_file():
        yield path


def _common_folder(paths: list[Path]) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in paths]))


def _place(path: Path, root: Path) -> str:
    return path.absolute().relative_to(root).as_posix()
