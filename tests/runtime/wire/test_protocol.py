"""Both ends of the wire without a socket."""

import pytest

from vivavoce.audio.ogg_writer import OggOpusWriter
from vivavoce.audio.opus import OpusEncoder
from vivavoce.wire.protocol import MAX_PARAMETERS, ClientProtocol, ServerProtocol, read_parameters
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

SILENCE = AudioChunk.silence(200, 16_000)
CHUNK = AudioChunk.silence(20, 24_000)
EVENTS = [
    UserSpeech(True),
    UserTranscript("hel", final=False),
    ReplyText(1, "Hi."),
    ReplyEnded(1, False, "Hi."),
    TurnLatency(1, 200.0, {}),
]


def packets():
    return list(OpusEncoder().encode(SILENCE))


def ogg_stream():
    writer = OggOpusWriter(16_000)
    return writer.take_headers() + b"".join(writer.page([packet], 20) for packet in packets())


def duration_ms(items):
    return sum(item.duration_ms for item in items)


def test_raw_packets_become_sound():
    server = ServerProtocol()
    items = [item for packet in packets() for item in server.receive(packet)]
    assert all(isinstance(item, AudioChunk) and item.sample_rate_hz == 16_000 for item in items)
    assert duration_ms(items) == 200


@pytest.mark.parametrize("cut", [1, 2, 3, 4, 50, 10_000])
def test_ogg_is_told_apart_in_any_cut_and_its_pre_skip_is_dropped(cut):
    server, data = ServerProtocol(), ogg_stream()
    items = [item for at in range(0, len(data), cut) for item in server.receive(data[at : at + cut])]
    assert duration_ms(items) == 200 - 6.5


def test_bad_parts_are_items_and_the_stream_goes_on():
    server = ServerProtocol()
    (good, *_) = packets()
    kinds = [type(item) for message in (good, b"", b"\x4b\x00", "text?", good) for item in server.receive(message)]
    assert kinds == [AudioChunk, ClientError, ClientError, ClientError, AudioChunk]


def test_a_playback_report_comes_through():
    text = '{"type": "playback", "reply": 4, "played_ms": 60}'
    assert list(ServerProtocol().receive(text)) == [PlaybackReport(4, 60.0)]


def test_a_packet_is_decoded_only_when_it_is_asked_for():
    server = ServerProtocol()
    items = server.receive(ogg_stream())
    assert isinstance(next(items), AudioChunk)
    items.close()


def test_old_clients_see_only_the_three_binary_messages():
    server = ServerProtocol(events=False)
    assert [message for item in EVENTS for message in server.send(item)] == []
    sent = [ReplyAudio(1, CHUNK), UserTranscript("hello", final=True), ErrorNotice("no")]
    messages = [message for item in sent for message in server.send(item)]
    assert [message[0] for message in messages] == [1, 2, 3]


def test_a_client_with_events_gets_every_item_back():
    server, client = ServerProtocol(events=True), ClientProtocol()
    sent = [ReplyAudio(1, CHUNK), *EVENTS, ReplyAudio(1, CHUNK), ErrorNotice("no"), ReplyAudio(2, CHUNK)]
    received = [client.receive(message) for item in sent for message in server.send(item)]
    assert [item for item in received if item is not None] == sent
    assert received.count(None) == 2  # each reply is announced once


def test_parameters_of_the_address():
    assert read_parameters({"vllm_url": "http://a", "events": "1"}) == ({"vllm_url": "http://a"}, True)
    assert read_parameters({"events": "0"}) == ({}, False)
    assert read_parameters({}) == ({}, False)


@pytest.mark.parametrize("query", [{str(at): "" for at in range(MAX_PARAMETERS + 1)}, {"a": "b" * 3000}])
def test_parameters_are_bounded(query):
    with pytest.raises(ClientError):
        read_parameters(query)
