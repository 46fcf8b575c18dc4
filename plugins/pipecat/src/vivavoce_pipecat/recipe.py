"""A Pipecat service as the YAML describes it, ready to be made once a conversation."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vivavoce_api import ConfigurationError, Kind
from vivavoce_pipecat.arguments import Signature
from vivavoce_pipecat.options import ServiceOptions
from vivavoce_pipecat.services import resolve

if TYPE_CHECKING:
    import aiohttp
    from pipecat.services.ai_service import AIService

_SECRET_NAME = re.compile(r"key|token|secret|password|credential|auth", re.IGNORECASE)
MIN_SECRET_CHARS = 4


@dataclass(frozen=True)
class Recipe:
    """How to make the service: its class, its checked arguments, and the words that must never be shown."""

    service: type[AIService]
    arguments: Mapping[str, Any]
    settings_type: type | None
    settings: Mapping[str, Any]
    needs_http_session: bool
    secrets: tuple[str, ...]

    @property
    def name(self) -> str:
        """The class's name."""
        return self.service.__name__

    async def make(self, http_session: aiohttp.ClientSession | None) -> AIService:
        """One instance. Off the event loop, for some services load a model in their constructor.

        Raises `ConfigurationError` with the service's own words where it refuses its arguments.
        """
        try:
            return await asyncio.to_thread(self._make, http_session)
        except (TypeError, ValueError, OSError, RuntimeError) as error:
            raise ConfigurationError(f"{self.name} can't be made: {self.scrub(str(error))}") from None

    def _make(self, http_session: aiohttp.ClientSession | None) -> AIService:
        arguments = dict(self.arguments)
        if self.settings_type is not None:
            arguments["settings"] = self.settings_type(**self.settings)
        if self.needs_http_session:
            arguments["aiohttp_session"] = http_session
        return self.service(**arguments)

    def scrub(self, text: str) -> str:
        """`text` without the secrets of the YAML."""
        for secret in self.secrets:
            text = text.replace(secret, "***")
        return text


def recipe(kind: Kind, options: ServiceOptions) -> Recipe:
    """Find the service and check its options; makes nothing. Raises `ConfigurationError`, `PrerequisiteError`."""
    service = resolve(kind, options.service)
    if inspect.isabstract(service):
        raise ConfigurationError(f"{options.service} is a base class of services, not a service")
    signature = Signature.of(service)
    arguments, settings = signature.sort(options.settings)
    if options.api_key is not None:
        if "api_key" not in signature.arguments:
            raise ConfigurationError(f"{options.service} takes no api_key. Valid keys: {', '.join(signature.names)}")
        arguments["api_key"] = options.api_key.get_secret_value()
    missing = [name for name in signature.required() if name not in arguments]
    if missing:
        raise ConfigurationError(f"{options.service} needs {', '.join(missing)}")
    return Recipe(
        service,
        arguments,
        signature.settings_type,
        settings,
        signature.needs_http_session,
        tuple(sorted(_secrets(options), key=len, reverse=True)),
    )


def _secrets(options: ServiceOptions) -> Iterator[str]:
    if options.api_key is not None:
        yield from _long_enough(options.api_key.get_secret_value())
    yield from _secrets_in(options.settings, secret=False)


def _secrets_in(value: Any, *, secret: bool) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _secrets_in(inner, secret=secret or bool(_SECRET_NAME.search(str(key))))
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _secrets_in(inner, secret=secret)
    elif secret and isinstance(value, str):
        yield from _long_enough(value)


def _long_enough(value: str) -> Iterator[str]:
    if len(value) >= MIN_SECRET_CHARS:
        yield value
