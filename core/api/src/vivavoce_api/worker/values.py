"""Values of the contract as a record's values and sound, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from vivavoce_api.audio import AudioChunk
from vivavoce_api.language_model import Message, TextDelta, ToolCall, ToolSpec, Usage
from vivavoce_api.session import SessionContext
from vivavoce_api.speech_to_text import Flush, Transcript
from vivavoce_api.text_to_speech import SpeechChunk, SpokenSpan
from vivavoce_api.worker.records import ProtocolError

Encoded = tuple[dict[str, Any], bytes]


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of a language model's methods."""

    messages: tuple[Message, ...]
    tools: tuple[ToolSpec, ...] = ()


FLAT = {kind.__name__: kind for kind in (Flush, SessionContext, TextDelta, ToolCall, ToolSpec, Transcript, Usage)}
"""Dataclasses whose fields are JSON's own values."""


def encode_value(value: object) -> Encoded:
    """A value as JSON's values and sound. Raises `TypeError` for one that the contract does not have."""
    if isinstance(value, SpeechChunk):
        spans = [[span.text, span.start_ms, span.end_ms] for span in value.spans]
        return {"is": "SpeechChunk", "hz": value.audio.sample_rate_hz, "spans": spans}, value.audio.pcm
    if isinstance(value, AudioChunk):
        return {"is": "AudioChunk", "hz": value.sample_rate_hz}, value.pcm
    if isinstance(value, Request):
        messages = [_message_values(message) for message in value.messages]
        return {"is": "Request", "messages": messages, "tools": [_flat_values(tool) for tool in value.tools]}, b""
    if type(value).__name__ in FLAT:
        return {"is": type(value).__name__, **_flat_values(value)}, b""
    if value is None or isinstance(value, (str, bool, int, float, Mapping)):
        return {"is": "plain", "value": dict(value) if isinstance(value, Mapping) else value}, b""
    if hasattr(value, "__float__"):  # numbers of numpy and torch
        return {"is": "plain", "value": float(value)}, b""  # type: ignore[arg-type]
    raise TypeError(f"a {type(value).__name__} is nothing that the contract streams or returns")


def decode_value(values: Mapping[str, Any], sound: bytes) -> Any:
    """The value that `encode_value` was given. Raises `ProtocolError` for anything else."""
    name = values.get("is")
    try:
        if name in FLAT:
            return FLAT[name](**{key: value for key, value in values.items() if key != "is"})
        return _DECODERS[name](values, sound)  # type: ignore[index]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ProtocolError(f"a value that is none of the contract's ({type(error).__name__}: {error})") from None


def _flat_values(value: Any) -> dict[str, Any]:
    read = {field.name: getattr(value, field.name) for field in fields(value)}
    return {key: dict(item) if isinstance(item, Mapping) else item for key, item in read.items()}


def _message_values(message: Message) -> dict[str, Any]:
    return {**_flat_values(message), "tool_calls": [_flat_values(call) for call in message.tool_calls]}


def _message(values: Mapping[str, Any]) -> Message:
    return Message(**{**values, "tool_calls": tuple(ToolCall(**call) for call in values["tool_calls"])})


def _request(values: Mapping[str, Any], sound: bytes) -> Request:
    tools = tuple(ToolSpec(**tool) for tool in values["tools"])
    return Request(tuple(_message(message) for message in values["messages"]), tools)


def _audio(values: Mapping[str, Any], sound: bytes) -> AudioChunk:
    return AudioChunk(sound, values["hz"])


def _speech(values: Mapping[str, Any], sound: bytes) -> SpeechChunk:
    return SpeechChunk(_audio(values, sound), tuple(SpokenSpan(*span) for span in values["spans"]))


def _plain(values: Mapping[str, Any], sound: bytes) -> Any:
    return values["value"]


_DECODERS: dict[Any, Callable[[Mapping[str, Any], bytes], Any]] = {
    "SpeechChunk": _speech,
    "AudioChunk": _audio,
    "Request": _request,
    "plain": _plain,
}
