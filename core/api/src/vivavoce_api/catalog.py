"""The catalog: all offers of all installed plugins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import metadata

import pluggy

from vivavoce_api import hooks
from vivavoce_api.errors import PluginError
from vivavoce_api.offers import Kind, Offer

HOOK_OF_KIND = {
    Kind.SPEECH_TO_TEXT: "vivavoce_speech_to_text",
    Kind.LANGUAGE_MODEL: "vivavoce_language_model",
    Kind.TEXT_TO_SPEECH: "vivavoce_text_to_speech",
    Kind.VOICE_ACTIVITY: "vivavoce_voice_activity",
    Kind.TURN_DETECTOR: "vivavoce_turn_detector",
    Kind.TRANSPORT: "vivavoce_transport",
    Kind.TOOL: "vivavoce_tool",
    Kind.DEPLOYMENT_TARGET: "vivavoce_deployment_target",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """An offer and the distribution (`name`, `version`) that brought it."""

    offer: Offer
    distribution: str
    version: str


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """An installed plugin that could not be used, and why."""

    distribution: str
    reason: str


@dataclass
class Catalog:
    """Offers by kind and name. An object, not a global: a test makes its own with `Catalog.of(...)`."""

    entries: dict[tuple[Kind, str], Entry] = field(default_factory=dict)
    broken: list[BrokenPlugin] = field(default_factory=list)

    @classmethod
    def installed(cls) -> Catalog:
        """Everything that is installed in this environment. A plugin that fails to import lands in `broken`."""
        catalog = cls()
        for distribution in metadata.distributions():
            for entry_point in distribution.entry_points:
                if entry_point.group == hooks.ENTRY_POINT_GROUP:
                    catalog._add_entry_point(entry_point, distribution.metadata["Name"], distribution.version)
        return catalog

    @classmethod
    def of(cls, offers: Iterable[Offer], distribution: str = "test", version: str = "0") -> Catalog:
        """A catalog of just these offers."""
        catalog = cls()
        for offer in offers:
            catalog._add(Entry(offer, distribution, version))
        return catalog

    def _add_entry_point(self, entry_point: metadata.EntryPoint, distribution: str, version: str) -> None:
        try:
            for offer in offers_of(entry_point.load(), entry_point.name):
                self._add(Entry(offer, distribution, version))
        except Exception as error:  # noqa: BLE001 - the boundary to foreign code: reported, never fatal
            self.broken.append(BrokenPlugin(distribution, f"{type(error).__name__}: {error}"))

    def _add(self, entry: Entry) -> None:
        key = (entry.offer.kind, entry.offer.name)
        present = self.entries.get(key)
        if present is not None and present.distribution != entry.distribution:
            raise PluginError(
                f"both {present.distribution} and {entry.distribution} offer {key[0].value} '{key[1]}'",
                fix=f"pip uninstall {entry.distribution}",
            )
        self.entries[key] = entry

    def get(self, kind: Kind, name: str) -> Entry | None:
        """The entry of this kind and name, if installed."""
        return self.entries.get((kind, name))

    def of_kind(self, kind: Kind) -> list[Entry]:
        """All entries of a kind, by name."""
        return sorted((e for (k, _), e in self.entries.items() if k is kind), key=lambda e: e.offer.name)

    def __iter__(self) -> Iterator[Entry]:
        for kind in Kind:
            yield from self.of_kind(kind)


def offers_of(plugin: object, name: str) -> Iterator[Offer]:
    """The offers of one plugin object. Raises `PluginError` where it breaks the contract."""
    manager = pluggy.PluginManager(hooks.ENTRY_POINT_GROUP)
    manager.add_hookspecs(hooks)
    manager.register(plugin, name=name)
    try:
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"plugin '{name}' implements a hook that vivavoce does not have: {error}") from error
    for kind, hook in HOOK_OF_KIND.items():
        for offers in getattr(manager.hook, hook)():
            for offer in offers:
                if not isinstance(offer, Offer) or offer.kind is not kind:
                    raise PluginError(f"plugin '{name}': {hook} must return offers of kind {kind.value}, got {offer!r}")
                yield offer
