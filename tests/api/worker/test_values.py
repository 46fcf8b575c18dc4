"""Every value that the contract streams, passes or returns survives the way through a worker's connection."""

from __future__ import annotations

import json

import pytest

from vivavoce_api import (
    AudioChunk,
    ClientError,
    EngineBusyError,
    EngineError,
    EngineUnavailableError,
    Flush,
    Message,
    PrerequisiteError,
    SessionContext,
    SpeechChunk,
    SpokenSpan,
    TextDelta,
    ToolCall,
    ToolSpec,
    Transcript,
    Usage,
)
from vivavoce_api.worker.failures import decode_failure, encode_failure
from vivavoce_api.worker.records import ProtocolError
from vivavoce_api.worker.values import Request, decode_value, encode_value

CALL = ToolCall("1", "clock", '{"city": "Ulm"}')
VALUES = [
    AudioChunk(b"\x01\x02" * 160, 16_000),
    AudioChunk(b"", 24_000),
    Flush(),
    "a piece of text\n☂",
    "",
    Transcript("hello", 1234.5, final=True),
    Transcript("hello there", 1234.5, end_of_turn=0.75),
    TextDelta(" there"),
    CALL,
    Usage(10, 20, 5),
    SpeechChunk(AudioChunk(b"\x00\x01" * 1920, 24_000), (SpokenSpan("Good", 0.0, 80.5), SpokenSpan("day", 80.5, 200))),
    SpeechChunk(AudioChunk(b"\x00\x01", 24_000)),
    SessionContext("abc", {"voice": "anna"}),
    Request(
        (Message("system", "Be brief."), Message("assistant", "", (CALL,)), Message("tool", "2", tool_call_id="1")),
        (ToolSpec("clock", "Tells the time", {"type": "object", "properties": {}}),),
    ),
    {"city": "Ulm", "days": [1, 2]},
    0.75,
    None,
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_values_arrive_as_they_left(value):
    values, sound = encode_value(value)
    assert decode_value(json.loads(json.dumps(values)), sound) == value


def test_numbers_of_other_libraries_arrive_as_floats():
    class Scalar:
        def __float__(self) -> float:
            return 0.25

    values, _ = encode_value(Scalar())
    assert decode_value(values, b"") == 0.25


def test_what_the_contract_does_not_have_is_not_sent():
    with pytest.raises(TypeError, match="a set is nothing that the contract streams"):
        encode_value({1, 2})


@pytest.mark.parametrize(
    ("values", "sound"),
    [
        ({}, b""),
        ({"is": "Popen"}, b""),
        ({"is": ["plain"]}, b""),
        ({"is": "AudioChunk"}, b""),
        ({"is": "AudioChunk", "hz": 16_000}, b"odd"),
        ({"is": "AudioChunk", "hz": "fast"}, b""),
        ({"is": "SpeechChunk", "hz": 16_000, "spans": [["a"]]}, b""),
        ({"is": "Transcript", "text": "a"}, b""),
        ({"is": "TextDelta", "text": "a", "more": 1}, b""),
        ({"is": "Request", "messages": [{"role": "user"}], "tools": []}, b""),
    ],
)
def test_anything_else_is_refused(values, sound):
    with pytest.raises(ProtocolError, match="none of the contract's"):
        decode_value(values, sound)


class HoarseError(EngineBusyError):
    """A plugin's own class."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (EngineError("no", fix="do", retryable=True), EngineError),
        (EngineUnavailableError("no", retryable=False), EngineUnavailableError),
        (ClientError("no such voice"), ClientError),
        (PrerequisiteError("no weights", fix="pip install them"), PrerequisiteError),
        (HoarseError("no"), EngineBusyError),
        (ProtocolError("no"), EngineUnavailableError),
    ],
)
def test_errors_arrive_as_they_left(error, kind):
    found = decode_failure(json.loads(json.dumps(encode_failure(error, "x"))))
    assert type(found) is kind
    assert (found.message, found.fix, found.retryable) == (error.message, error.fix, error.retryable)


def test_errors_of_no_tree_arrive_as_the_engines():
    error = decode_failure(encode_failure(LookupError("no phone"), "tts 'sing'"))
    assert (type(error), error.message) == (EngineError, "tts 'sing' failed: LookupError: no phone")
    assert not error.retryable


def test_want_of_memory_is_told_as_such():
    class OutOfMemoryError(RuntimeError):
        """As torch names it."""

    for lack in (MemoryError(), OutOfMemoryError("CUDA out of memory")):
        error = decode_failure(encode_failure(lack, "tts 'sing'"))
        assert error.message.startswith("tts 'sing' ran out of memory")
        assert error.retryable


@pytest.mark.parametrize("values", [{}, {"kind": "Popen", "message": 7}, {"kind": None, "fix": 3}])
def test_errors_that_say_nothing_of_use_are_engine_errors(values):
    error = decode_failure(values)
    assert type(error) is EngineError
    assert isinstance(error.message, str)
