"""A section that names a plugin, `{plugin: NAME, **options}`, resolved to what is installed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

from vivavoce.definition.document import Document
from vivavoce.definition.known import KNOWN_PLUGINS, NAMES_OF_KINDS
from vivavoce.definition.problem import KeyPath, Problem
from vivavoce.definition.words import explain
from vivavoce_api import Catalog, Entry, IsolationLevel, Kind, Offer, Options

PATH_FORMATS = ("path", "file-path", "directory-path")

ISOLATION_LEVELS: tuple[IsolationLevel, ...] = get_args(IsolationLevel)
NEVER_ISOLATED = (Kind.TRANSPORT, Kind.DEPLOYMENT_TARGET)
"""Kinds whose sections have no key `isolation`."""

MAX_LISTED = 8
"""Plugins that one section may list."""


class ListedKeys(BaseModel):
    """Keys of a plugin in a list that are the runtime's, whatever the plugin."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    deadline_ms: int | None = Field(default=None, ge=50, le=60_000)
    """Time to the first sound (tts), the first words (llm) or the transcript (stt), in milliseconds, after which the
    next of the list takes over. Default: 2000 for stt and tts, 3000 for llm."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A plugin's offer that an agent uses, with its checked options.

    Where the section is a list, this is its first plugin and `fallbacks` are the others; `deadline_ms` as in the YAML.
    `isolation` says where the engine runs: what the YAML says, or the offer's default.
    """

    entry: Entry
    options: Options
    isolation: IsolationLevel = "none"
    deadline_ms: int | None = None
    fallbacks: tuple[Choice, ...] = ()

    @property
    def offer(self) -> Offer:
        """The offer."""
        return self.entry.offer

    @property
    def listed(self) -> tuple[Choice, ...]:
        """This one and its fallbacks, in the order of the list."""
        return (self, *self.fallbacks)

    @property
    def session_parameters(self) -> tuple[str, ...]:
        """Names of the URL query parameters that sessions of any of these plugins accept."""
        return tuple(dict.fromkeys(name for choice in self.listed for name in choice.offer.session_parameters))


@dataclass(frozen=True, slots=True)
class MissingPlugin:
    """A known plugin that the file asks for and that is not installed; its options could not be checked."""

    problem: Problem
    kind: Kind
    name: str
    package: str


@dataclass(frozen=True)
class Resolver:
    """Resolves the sections of one document; what can't be resolved is noted in its `problems` or in `missing`."""

    document: Document
    catalog: Catalog
    originals: Mapping[KeyPath, str]
    folder: Path
    missing: list[MissingPlugin]

    def resolve_listed(self, kind: Kind, section: Any, keys: KeyPath) -> Choice | None:
        """As `resolve`, for a section that may also be a list, of which each takes over where those before it fail."""
        if not isinstance(section, list):
            if isinstance(section, dict):
                for key in ListedKeys.model_fields.keys() & section.keys():
                    self.document.report((*keys, key), f"belongs to a plugin in a list, and {keys[0]} is no list")
            return self.resolve(kind, section, keys)
        if not 1 <= len(section) <= MAX_LISTED:
            self.document.report(keys, f"must list from 1 to {MAX_LISTED} plugins, lists {len(section)}")
            return None
        choices = [self._resolve_one_listed(kind, one, (*keys, index)) for index, one in enumerate(section)]
        found = [choice for choice in choices if choice is not None]
        return replace(found[0], fallbacks=tuple(found[1:])) if len(found) == len(section) else None

    def _resolve_one_listed(self, kind: Kind, section: Any, keys: KeyPath) -> Choice | None:
        if not isinstance(section, dict):
            return self.resolve(kind, section, keys)
        own = {key: section[key] for key in ListedKeys.model_fields if key in section}
        choice = self.resolve(kind, {key: value for key, value in section.items() if key not in own}, keys)
        try:
            listed = ListedKeys.model_validate(own)
        except ValidationError as error:
            schema = ListedKeys.model_json_schema()
            for inner, words in explain(error, schema, own, "key of a list", self._originals_at(keys)):
                self.document.report((*keys, *inner), words)
            return None
        return None if choice is None else replace(choice, deadline_ms=listed.deadline_ms)

    def resolve(self, kind: Kind, section: Any, keys: KeyPath) -> Choice | None:
        """The choice that `section`, the value at `keys`, makes; None where something is wrong with it.

        Options that are paths (typed `pathlib.Path`) are relative to the folder of the file.
        """
        if not isinstance(section, dict):
            self.document.report(
                keys, f"must be keys and values that name a plugin, such as {{plugin: {self._example(kind)}}}"
            )
            return None
        name = section.get("plugin")
        if not isinstance(name, str) or not name:
            self.document.report(keys, f"must name its plugin; installed: {self._installed(kind)}")
            return None
        entry = self.catalog.get(kind, name)
        if entry is None:
            self._not_installed(kind, name, (*keys, "plugin"))
            return None
        return self._choose(entry, {key: value for key, value in section.items() if key != "plugin"}, keys)

    def _choose(self, entry: Entry, options: dict[str, Any], keys: KeyPath) -> Choice | None:
        isolation = self._isolation(entry.offer, options, keys)
        model = entry.offer.options
        schema = options_schema(model)
        try:
            checked = model.model_validate(_with_absolute_paths(options, schema, self.folder))
        except ValidationError as error:
            for inner, words in explain(
                error, schema, options, f"option of '{entry.offer.name}'", self._originals_at(keys)
            ):
                self.document.report((*keys, *inner), words)
            return None
        return Choice(entry, checked, isolation)

    def _isolation(self, offer: Offer, options: dict[str, Any], keys: KeyPath) -> IsolationLevel:
        """Take the key `isolation` out of a section; the offer's default where it has none."""
        if offer.kind in NEVER_ISOLATED:
            return "none"
        wanted = options.pop("isolation", offer.isolation.default)
        if wanted not in ISOLATION_LEVELS:
            words = "must be one of " + ", ".join(ISOLATION_LEVELS)
            self.document.report((*keys, "isolation"), words)
            return offer.isolation.default
        return wanted

    def _originals_at(self, keys: KeyPath) -> dict[KeyPath, str]:
        return {k[len(keys) :]: text for k, text in self.originals.items() if k[: len(keys)] == keys}

    def _not_installed(self, kind: Kind, name: str, keys: KeyPath) -> None:
        package = KNOWN_PLUGINS.get(kind, {}).get(name)
        what = f"{NAMES_OF_KINDS[kind]} plugin '{name}'"
        for broken in self.catalog.broken:
            if broken.distribution in (package, f"vivavoce-{name}"):
                self.document.report(keys, f"{what} is installed but does not work: {broken.reason}")
                return
        installed = f"installed: {self._installed(kind)}"
        if package is not None:
            text = f"{what} is not installed; {installed}"
            problem = self.document.problem(keys, text, fix=f"pip install {package}")
            self.missing.append(MissingPlugin(problem, kind, name, package))
            return
        others = [other.value for other in Kind if self.catalog.get(other, name)]
        elsewhere = f" ('{name}' is a plugin for {', '.join(others)})" if others else ""
        self.document.report(keys, f"there is no {what}{elsewhere}; {installed}")

    def _installed(self, kind: Kind) -> str:
        return ", ".join(entry.offer.name for entry in self.catalog.of_kind(kind)) or "none"

    def _example(self, kind: Kind) -> str:
        return next((entry.offer.name for entry in self.catalog.of_kind(kind)), "...")


def options_schema(model: type[Options], ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """The JSON Schema of an offer's options; one that takes anything where the model can't be written as one."""
    try:
        return model.model_json_schema(ref_template=ref_template)
    except (PydanticInvalidForJsonSchema, PydanticUserError):
        return {"type": "object", "additionalProperties": True}


def _with_absolute_paths(options: dict[str, Any], schema: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    result = dict(options)
    for key, value in options.items():
        if isinstance(value, str) and value and _is_path(schema.get("properties", {}).get(key, {})):
            result[key] = str((folder / Path(value).expanduser()).absolute())
    return result


def _is_path(schema: Mapping[str, Any]) -> bool:
    branches = [one for one in schema.get("anyOf", [schema]) if one.get("type") != "null"]
    return all(one.get("type") == "string" and one.get("format") in PATH_FORMATS for one in branches)
