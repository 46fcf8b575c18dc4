"""The YAML's settings against a Pipecat class's real signature."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    PydanticSchemaGenerationError,
    PydanticUserError,
    TypeAdapter,
    ValidationError,
)

from vivavoce_api import ConfigurationError

# Arguments that are objects, are given by us, or are superseded by `settings`.
_NOT_OURS_TO_GIVE = frozenset(
    {
        *("self", "settings", "params", "live_options", "aiohttp_session", "http_client", "metrics", "name"),
        *(
            "enable_direct_mode",
            "aggregate_sentences",
            "text_filters",
            "text_transforms",
            "skip_text_types",
            "skip_aggregator_types",
        ),
    }
)
# Of Pipecat's base classes only these: the rest is what a service tells its base class about itself.
_OF_BASE_CLASSES = frozenset(
    {
        *("sample_rate", "text_aggregation_mode", "append_trailing_space", "stop_frame_timeout_s"),
        *("ttfs_p99_latency", "keepalive_timeout", "keepalive_interval", "trailing_silence_secs"),
        *("reconnect_on_error",),
    }
)
_BASE_MODULES = frozenset(
    {
        *("pipecat.services.stt_service", "pipecat.services.tts_service", "pipecat.services.llm_service"),
        *("pipecat.services.ai_service", "pipecat.services.websocket_service"),
        *("pipecat.processors.frame_processor", "pipecat.utils.base_object"),
    }
)


@dataclasses.dataclass(frozen=True)
class Signature:
    """What a class takes: constructor arguments and fields of its settings, each with its annotation."""

    arguments: Mapping[str, inspect.Parameter]
    hints: Mapping[str, Any]
    settings_type: type | None
    settings_hints: Mapping[str, Any]
    aliases: Mapping[str, str]
    needs_http_session: bool

    @classmethod
    def of(cls, service: type) -> Signature:
        """Read it off the class: the constructors along its bases, as far as they pass `**kwargs` on."""
        arguments, hints = _constructor(service)
        http_session = inspect.signature(service.__init__).parameters.get("aiohttp_session")
        needs_http_session = http_session is not None and http_session.default is inspect.Parameter.empty
        settings_type = getattr(service, "Settings", None)
        if not isinstance(settings_type, type) or not dataclasses.is_dataclass(settings_type):
            return cls(arguments, hints, None, {}, {}, needs_http_session)
        fields = {field.name for field in dataclasses.fields(settings_type)}
        settings_hints = {name: hint for name, hint in _hints(settings_type).items() if name in fields}
        aliases = getattr(settings_type, "_aliases", {})
        return cls(arguments, hints, settings_type, settings_hints, aliases, needs_http_session)

    @classmethod
    def of_transport(cls, transport: type) -> Signature:
        """The same for a transport, whose settings are the pydantic model that its constructor takes as `params`."""
        arguments, hints = _constructor(transport)
        hint = _hints(transport.__init__).get("params")
        models = [kind for kind in (hint, *typing.get_args(hint)) if isinstance(kind, type)]
        params_type = next((kind for kind in models if issubclass(kind, BaseModel)), None)
        if params_type is None:
            return cls(arguments, hints, None, {}, {}, False)
        fields = {name: field.annotation for name, field in params_type.model_fields.items()}
        return cls(arguments, hints, params_type, fields, {}, False)

    @property
    def names(self) -> list[str]:
        """All keys that `settings:` may have."""
        return sorted({*self.arguments, *self.settings_hints, *self.aliases} - {"api_key"})

    def required(self) -> list[str]:
        """Arguments without a default."""
        return [name for name, argument in self.arguments.items() if argument.default is inspect.Parameter.empty]

    def sort(self, given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The constructor arguments and the settings fields among `given`, checked and converted.

        A name that is both is a settings field: Pipecat has moved those. Raises `ConfigurationError`.
        """
        arguments, settings = {}, {}
        for key, value in given.items():
            name = self.aliases.get(key, key)
            if name in self.settings_hints:
                settings[name] = _converted(key, value, self.settings_hints[name])
            elif key in self.arguments and key != "api_key":
                arguments[key] = _converted(key, value, self.hints.get(key, Any))
            else:
                raise ConfigurationError(self._unknown(key))
        return arguments, settings

    def _unknown(self, key: str) -> str:
        nearest = difflib.get_close_matches(key, self.names, n=1)
        hint = f"; did you mean '{nearest[0]}'?" if nearest else "."
        return f"settings: unknown key '{key}'{hint} Valid keys: {', '.join(self.names)}"


def _constructor(service: type) -> tuple[dict[str, inspect.Parameter], dict[str, Any]]:
    arguments: dict[str, inspect.Parameter] = {}
    hints: dict[str, Any] = {}
    for owner in service.__mro__:
        initializer = owner.__dict__.get("__init__")
        if initializer is None or owner is object:
            continue
        parameters = inspect.signature(initializer).parameters
        own_hints = _hints(initializer)
        for name, parameter in parameters.items():
            if name in arguments or name in _NOT_OURS_TO_GIVE or parameter.kind in _VARIADIC:
                continue
            if owner.__module__ in _BASE_MODULES and name not in _OF_BASE_CLASSES:
                continue
            arguments[name] = parameter
            hints[name] = own_hints.get(name, Any)
        if not any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters.values()):
            break
    return arguments, hints


_VARIADIC = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)


def _hints(owner: Any) -> dict[str, Any]:
    """Resolved annotations; names that exist for type checkers only count as `Any`."""
    unknown: dict[str, Any] = {}
    while True:
        try:
            return typing.get_type_hints(owner, localns=unknown)
        except NameError as error:
            if error.name is None or error.name in unknown:
                return {}
            unknown[error.name] = Any


def _converted(key: str, value: Any, hint: Any) -> Any:
    """`value` as the annotation wants it. The error quotes no value: it may be a secret."""
    try:
        adapter = TypeAdapter(hint, config=ConfigDict(arbitrary_types_allowed=True))
    except PydanticSchemaGenerationError:
        return value
    except PydanticUserError:  # the type has a configuration of its own
        adapter = TypeAdapter(hint)
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        words = dict.fromkeys(detail["msg"] for detail in error.errors(include_input=False, include_url=False))
        expected = [word for word in words if "NotGiven" not in word]
        raise ConfigurationError(f"settings: '{key}': {'; or '.join(expected[:3])}") from None
