"""The parts of the rime plugin that need no connection: events read, words timed, errors told."""

from __future__ import annotations

import json
from typing import Any

import pytest
from vivavoce_rime.failures import Account
from vivavoce_rime.heard import Done, Sound, TimedWord, WordTimes
from vivavoce_rime.options import RimeOptions
from vivavoce_rime.sound import ClauseSound
from vivavoce_rime.v1 import V1
from vivavoce_rime.words import WordClock, aligned
from vivavoce_rime.ws3 import Ws3

from vivavoce_api import EngineBusyError, EngineError, EngineTimeoutError, EngineUnavailableError

ACCOUNT = Account("secret-key", "RIME_API_KEY")
WS3 = Ws3(RimeOptions(), ACCOUNT)
V1_SLOW = V1(RimeOptions(model="mistv3", speed=0.5), ACCOUNT)


def timed(*words: str, word_ms: float = 100) -> list[TimedWord]:
    return [TimedWord(word, n * word_ms, (n + 1) * word_ms) for n, word in enumerate(words)]


def test_addresses_are_those_that_rime_documents() -> None:
    assert WS3.url.startswith("wss://users-ws.rime.ai/ws3?speaker=cove&modelId=mistv2&")
    assert V1_SLOW.url == "wss://mist.api.rime.ai/ws"


def test_events_of_ws3() -> None:
    times = {"words": ["hello"], "start": [0.25], "end": [0.5]}
    assert WS3.read('{"type": "chunk", "data": "AQID", "contextId": "c"}') == ("c", [Sound(b"\x01\x02\x03")])
    assert WS3.read(json.dumps({"type": "timestamps", "word_timestamps": times, "contextId": "c"})) == (
        "c",
        [WordTimes((TimedWord("hello", 250, 500),))],
    )
    assert WS3.read('{"type": "done", "done": true, "contextId": null}') == (None, [Done()])
    assert WS3.read('{"type": "news"}') == (None, [])


@pytest.mark.parametrize(
    "times",
    [
        {"words": ["a", "b"], "start": [0], "end": [1]},
        {"words": ["a"], "start": [1], "end": [0]},
        {"words": ["a", "b"], "start": [1, 0], "end": [1, 1]},
        {"words": ["a"], "start": ["now"], "end": [1]},
        None,
    ],
)
def test_times_that_can_not_be_are_refused(times: Any) -> None:
    with pytest.raises(EngineError, match="something else"):
        WS3.read(json.dumps({"type": "timestamps", "word_timestamps": times}))


def test_events_of_v1_with_times_stretched_like_the_sound() -> None:
    spans = [{"text": "hello", "end": "0.25s"}, {"text": "you", "start": "0.3s", "end": "0.5s"}]
    event = {"contextId": "c", "done": {"timestamps": {"status": {}, "spans": spans}}}
    assert V1_SLOW.read(json.dumps(event)) == (
        "c",
        [WordTimes((TimedWord("hello", 0, 500), TimedWord("you", 600, 1000))), Done()],
    )
    assert V1_SLOW.read('{"contextId": "c", "done": {}}') == ("c", [WordTimes(()), Done()])
    assert V1_SLOW.read('{"contextId": "c", "started": {"requestId": "r"}}') == ("c", [])


@pytest.mark.parametrize("message", ['{"ready": {"protocol": 2}}', '{"started": {}}', "hello", "[]", "{}"])
def test_greeting_must_be_ours(message: str) -> None:
    with pytest.raises(EngineError, match="something else"):
        V1_SLOW.read_greeting(message)


def test_greeting_may_be_an_error() -> None:
    with pytest.raises(EngineUnavailableError, match="warming up"):
        V1_SLOW.read_greeting('{"error": {"kind": "unavailable", "message": "warming up"}}')


@pytest.mark.parametrize(
    ("kind", "expected", "retryable"),
    [
        ("unauthenticated", EngineError, False),
        ("permission_denied", EngineError, False),
        ("invalid_input", EngineError, False),
        ("resource_exhausted", EngineBusyError, True),
        ("timeout", EngineTimeoutError, True),
        ("unavailable", EngineUnavailableError, True),
        ("internal", EngineError, True),
        ("news", EngineError, False),
    ],
)
def test_kinds_of_errors_of_v1(kind: str, expected: type[EngineError], retryable: bool) -> None:
    _, (error,) = V1_SLOW.read(json.dumps({"contextId": "c", "error": {"kind": kind, "message": "secret-key\nbad"}}))
    assert isinstance(error, EngineError)
    assert type(error) is expected
    assert error.retryable is retryable
    assert "*** bad" in error.message


def test_foreign_words_are_quoted_safely() -> None:
    error = ACCOUNT.broke_off("400 no speaker \x1b[31m" + "x" * 1000)
    assert error.message.startswith("Rime refuses the request (400): no speaker [31mxxx")
    assert len(error.message) < 400
    assert ACCOUNT.broke_off("").message == "Rime broke off the connection."


@pytest.mark.parametrize(
    ("written", "spoken", "expected"),
    [
        ("Hello, you!", ["hello", "you"], [(0, 100), (100, 200)]),
        ("Hello — you", ["hello", "you"], [(0, 100), (100, 100), (100, 200)]),
        ("It costs $5.", ["it", "costs", "five", "dollars"], [(0, 100), (100, 200), (200, 400)]),
        ("In 2024 we", ["in", "twenty", "twenty", "four", "we"], [(0, 100), (100, 400), (400, 500)]),
        ("one two three", ["one"], [(0, 100)]),
        ("", ["one"], []),
        ("one", [], []),
    ],
)
def test_words_are_aligned(written: str, spoken: list[str], expected: list[tuple[float, float]]) -> None:
    assert aligned(written.split(), timed(*spoken)) == expected


def test_times_in_parts_go_on_whether_counted_from_zero_or_not() -> None:
    for second in (timed("three", "four"), [TimedWord("three", 200, 300), TimedWord("four", 300, 400)]):
        clock = WordClock("One two three four", 1000, 65)
        clock.tell(WordTimes(tuple(timed("one", "two"))))
        clock.tell(WordTimes(tuple(second)))
        spans = clock.rest(400)
        assert [(span.start_ms, span.end_ms) for span in spans] == [(1000 + n, 1100 + n) for n in (0, 100, 200, 300)]


def test_words_behind_the_last_known_time_are_estimated_from_there() -> None:
    clock = WordClock("one two three", 0, 10)
    clock.tell(WordTimes(tuple(timed("one"))))
    assert [(span.start_ms, span.end_ms) for span in clock.rest(1000)] == [(0, 100), (100, 140), (140, 200)]


def test_words_never_go_back_nor_beyond_the_sound() -> None:
    clock = WordClock("one two three four", 0, 100)
    first = clock.begun(500)
    clock.tell(WordTimes(tuple(timed("one", "two", "three", "four", word_ms=20))))
    spans = [*first, *clock.rest(70)]
    assert [span.text for span in spans] == ["one", "two", "three", "four"]
    assert [span.start_ms for span in spans] == sorted(span.start_ms for span in spans)
    assert spans[-1].end_ms <= 500


@pytest.mark.parametrize("size", [1, 3, 999, 100_000])
def test_sound_is_the_same_however_it_was_cut(size: int) -> None:
    pcm = bytes(n % 251 for n in range(48_001))  # the last byte is half a sample
    sound = ClauseSound(WordClock("one two", 0, 65), 24_000)
    chunks = [
        chunk for start in range(0, len(pcm), size) for chunk in sound.add(Sound(pcm[start : start + size]))
    ] + list(sound.finish())
    assert b"".join(chunk.audio.pcm for chunk in chunks) == pcm[:-1]
    assert max(chunk.audio.duration_ms for chunk in chunks) <= 100
    assert min(chunk.audio.samples for chunk in chunks) >= 1
    assert [span.text for chunk in chunks for span in chunk.spans] == ["one", "two"]
