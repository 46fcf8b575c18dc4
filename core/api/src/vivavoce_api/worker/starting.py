"""What a worker is started for: to prepare, to load, or to end the building of its environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from pydantic import ValidationError

from vivavoce_api.catalog import offers_of
from vivavoce_api.errors import ConfigurationError, PluginError, VivavoceError
from vivavoce_api.hooks import ENTRY_POINT_GROUP
from vivavoce_api.offers import Offer, Options, Progress
from vivavoce_api.worker.failures import foreign_error
from vivavoce_api.worker.records import ProtocolError

INSTALL, PREPARE, LOAD = "install", "prepare", "load"


@dataclass(frozen=True, slots=True)
class Order:
    """What START says: these actions, one after the other, for an offer of an installed distribution."""

    distribution: str
    kind: str
    name: str
    actions: tuple[str, ...] = (LOAD,)
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Order:
        """The order that a record carries. Raises `ProtocolError`."""
        try:
            order = cls(**{**values, "actions": tuple(values["actions"])})
        except (KeyError, TypeError) as error:
            raise ProtocolError(f"an order that can't be read ({error})") from None
        if not set(order.actions) <= {INSTALL, PREPARE, LOAD}:
            raise ProtocolError(f"an order to {', '.join(order.actions)}")
        return order

    @property
    def title(self) -> str:
        """The engine, for messages: `tts 'hibari'`."""
        return f"{self.kind} '{self.name}'"


def carry_out(order: Order, progress: Progress) -> Any:
    """Do what `order` says; returns the engine where that includes loading it. Blocks. Raises `VivavoceError`."""
    try:
        return _carry_out(order, progress)
    except VivavoceError:
        raise
    except Exception as error:
        raise foreign_error(error, order.title) from error


def _carry_out(order: Order, progress: Progress) -> Any:
    offer = find_offer(order)
    if INSTALL in order.actions:
        offer.isolation.after_install(progress)
    options = None if order.actions == (INSTALL,) else _options(offer, order)
    if PREPARE in order.actions:
        offer.prepare(options, progress)
    return offer.load(options, progress) if LOAD in order.actions else None


def find_offer(order: Order) -> Offer:
    """The offer that an order names; imports no plugin but that of its distribution. Raises `PluginError`."""
    try:
        distribution = metadata.distribution(order.distribution)
    except metadata.PackageNotFoundError:
        raise PluginError(f"{order.distribution} is not installed in the worker's environment") from None
    for entry_point in distribution.entry_points:
        if entry_point.group == ENTRY_POINT_GROUP:
            for offer in offers_of(entry_point.load(), entry_point.name):
                if (offer.kind.value, offer.name) == (order.kind, order.name):
                    return offer
    raise PluginError(f"{order.distribution} {distribution.version} in the worker's environment has no {order.title}")


def _options(offer: Offer, order: Order) -> Options:
    try:
        return offer.options.model_validate_json(json.dumps(order.options))
    except ValidationError as error:
        places = ", ".join(".".join(map(str, detail["loc"])) or "all" for detail in error.errors(include_input=False))
        raise ConfigurationError(
            f"{order.title}: its worker does not take the options that were checked: {places}"
        ) from None
