"""The wire's bytes, literally: clients that know only design's three messages must keep working."""

import json

import pytest

from vivavoce.wire.messages import decode_client_text, decode_server_binary, decode_server_event, encode
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError
from vivavoce_api.transport import (
    ErrorNotice,
    PlaybackReport,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    TurnLatency,
    UserSpeech,
    UserTranscript,
)


def test_sound_is_type_rate_big_endian_samples_little_endian():
    item = ReplyAudio(7, AudioChunk(b"\x01\x00\xff\x7f", 24_000))
    assert encode(item) == b"\x01\x00\x00\x5d\xc0\x01\x00\xff\x7f"
    assert decode_server_binary(b"\x01\x00\x00\x5d\xc0\x01\x00\xff\x7f", 7) == item


def test_transcript_and_error_are_type_and_utf8():
    assert encode(UserTranscript("Grüße", final=True)) == b"\x02Gr\xc3\xbc\xc3\x9fe"
    assert encode(ErrorNotice("no")) == b"\x03no"
    assert decode_server_binary(b"\x02Gr\xc3\xbc\xc3\x9fe", 0) == UserTranscript("Grüße", final=True)
    assert decode_server_binary(b"\x03no", 0) == ErrorNotice("no")


@pytest.mark.parametrize(
    ("item", "fields"),
    [
        (UserSpeech(True), {"type": "user_speech", "speaking": True}),
        (UserTranscript("hel", final=False), {"type": "transcript", "text": "hel", "final": False}),
        (ReplyText(2, "Hi."), {"type": "reply_text", "reply": 2, "text": "Hi."}),
        (ReplyEnded(2, True, "H"), {"type": "reply_ended", "reply": 2, "interrupted": True, "heard": "H"}),
        (
            TurnLatency(2, 187.5, {"transcript": 30.0}),
            {"type": "latency", "reply": 2, "voice_to_voice_ms": 187.5, "stages_ms": {"transcript": 30.0}},
        ),
    ],
)
def test_events_are_json_text(item, fields):
    message = encode(item)
    assert isinstance(message, str)
    assert json.loads(message) == fields
    assert decode_server_event(message) == item


def test_a_playback_report():
    assert decode_client_text('{"type": "playback", "reply": 3, "played_ms": 840.5}') == PlaybackReport(3, 840.5)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[1]",
        "{}",
        '{"type": "nonsense"}',
        '{"type": "playback"}',
        '{"type": "playback", "reply": -1, "played_ms": 1}',
        '{"type": "playback", "reply": 1.5, "played_ms": 1}',
        '{"type": "playback", "reply": true, "played_ms": 1}',
        '{"type": "playback", "reply": 1, "played_ms": NaN}',
        '{"type": "playback", "reply": 1, "played_ms": 1e999}',
        '{"type": "playback", "reply": 1, "played_ms": "1"}',
        '{"type": "playback", "reply": ' + "9" * 4000 + ', "played_ms": 1}',
        "[" * 4000,
        '{"type": "playback", "reply": 1, "played_ms": 1}' + " " * 5000,
    ],
)
def test_other_text_is_refused_with_words(text):
    with pytest.raises(ClientError) as raised:
        decode_client_text(text)
    assert len(raised.value.message) > 20


@pytest.mark.parametrize("message", [b"", b"\x01\x00", b"\x01\x00\x00\x5d\xc0\x01", b"\x09abc"])
def test_a_client_notices_malformed_binary(message):
    with pytest.raises(ClientError):
        decode_server_binary(message, 0)


@pytest.mark.parametrize("text", ["", "{}", '{"type": "later"}', '{"type": "reply_text", "reply": 1}', "[]"])
def test_a_client_notices_malformed_events(text):
    with pytest.raises(ClientError):
        decode_server_event(text)
