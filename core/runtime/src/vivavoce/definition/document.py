"""YAML files as plain values that remember where they stand.

The file is untrusted: its size and depth are bounded, aliases (they make bombs) and tags (they make objects)
are refused, and so are duplicate keys, of which YAML readers silently keep the last. Plain scalars follow the
core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema, without octal and hexadecimal numbers),
as editors do, so `no` and `12:30` are text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from vivavoce.definition.problem import KeyPath, Problem
from vivavoce_api import ConfigurationError

MAX_BYTES = 128 * 1024
MAX_DEPTH = 20

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]{1,18}|[0-9]{1,18}(\.[0-9]{0,18})?)([eE][-+]?[0-9]{1,2})?")
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_WORDS |= {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}


@dataclass
class Document:
    """The values of a file, the line (from 1) of every key and list item, and what is wrong with them.

    A place has one problem, the first that was found: later ones follow from it.
    """

    file: str
    data: dict[str, Any] = field(default_factory=dict)
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: dict[KeyPath, Problem] = field(default_factory=dict)

    def line(self, keys: KeyPath) -> int | None:
        """The line of `keys`, or of the nearest section around it that the file has; None where it has none."""
        while keys and keys not in self.lines:
            keys = keys[:-1]
        return self.lines.get(keys)

    def problem(self, keys: KeyPath, text: str, fix: str | None = None) -> Problem:
        """A problem at `keys`."""
        return Problem(self.file, self.line(keys), keys, text, fix)

    def report(self, keys: KeyPath, text: str, fix: str | None = None) -> None:
        """Note a problem at `keys`, unless there is one."""
        self.problems.setdefault(keys, self.problem(keys, text, fix))


def read_document(path: Path) -> Document:
    """Read a YAML file. Raises `ConfigurationError` where it can't be read at all; lesser faults are `problems`."""
    document = Document(str(path))
    text = _read_text(path)
    try:
        _refuse_dangers(text, document.file)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigurationError(_syntax_error(error, text, document.file)) from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigurationError(f"{path}: must hold keys and values, such as `name: my-agent`; it holds none")
    document.data = _value(root, (), document)
    return document


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8 text (byte {error.start})") from None
    if len(content) > MAX_BYTES:
        raise ConfigurationError(f"{path}: is larger than {MAX_BYTES // 1024} KiB")
    return text


def _refuse_dangers(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        place = f"{file}:{event.start_mark.line + 1}"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise ConfigurationError(f"{place}: anchors (&) and aliases (*) are not allowed; write the value out")
        if getattr(event, "tag", None):
            raise ConfigurationError(f"{place}: tags ({event.tag}) are not allowed")  # type: ignore[attr-defined]
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise ConfigurationError(f"{place}: is nested more than {MAX_DEPTH} levels deep")


def _syntax_error(error: yaml.YAMLError, text: str, file: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is None:
        return f"{file}: is not valid YAML: {getattr(error, 'reason', error)}"
    place = f"{file}:{mark.line + 1}:{mark.column + 1}"
    if text[: mark.index].endswith("$") and text[mark.index :].startswith("{"):
        return f"{place}: put quotes around ${{...}} where it stands between braces or brackets"
    reason = getattr(error, "problem", None) or str(error)
    return f"{place}: is not valid YAML: {reason}"


def _value(node: yaml.Node, keys: KeyPath, document: Document) -> Any:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, keys, document)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            document.lines[(*keys, index)] = item.start_mark.line + 1
        return [_value(item, (*keys, index), document) for index, item in enumerate(node.value)]
    return plain_value(node.value) if node.style is None else node.value  # type: ignore[attr-defined]


def _mapping(node: yaml.MappingNode, keys: KeyPath, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        line = key_node.start_mark.line + 1
        if not isinstance(key_node, yaml.ScalarNode):
            document.problems.setdefault(keys, Problem(document.file, line, keys, "a key must be a word"))
            continue
        key = key_node.value
        if key in values:
            text = f"is here a second time; the first is on line {document.lines[(*keys, key)]}"
            document.problems.setdefault((*keys, key), Problem(document.file, line, (*keys, key), text))
            continue
        document.lines[(*keys, key)] = line
        values[key] = _value(value_node, (*keys, key), document)
    return values


def plain_value(text: str) -> Any:
    """What an unquoted scalar means: null, a boolean, a number, or the text itself."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
