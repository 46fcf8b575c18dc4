"""Ogg Opus in any cut, from our writer and from PyAV's, whole and damaged."""

import io

import numpy as np
import pytest

from vivavoce.audio.ogg import OggOpusReader, OpusHead, page_checksum, parse_opus_head
from vivavoce.audio.ogg_writer import OggOpusWriter
from vivavoce.audio.opus import MAX_PACKET_BYTES, OpusDecoder, OpusEncoder
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError


def noise(duration_ms, sample_rate_hz):
    samples = np.random.default_rng(3).normal(0, 2000, round(duration_ms * sample_rate_hz / 1000))
    return AudioChunk(samples.astype("<i2").tobytes(), sample_rate_hz)


def stream(packets, packet_ms=20.0, packets_a_page=1, serial=1):
    writer = OggOpusWriter(24_000, serial)
    headers = writer.take_headers()
    groups = [packets[at : at + packets_a_page] for at in range(0, len(packets), packets_a_page)]
    return headers + b"".join(writer.page(group, packet_ms) for group in groups)


def written_by_pyav(frame_ms, encoder_hz, page_us):
    import av

    file = io.BytesIO()
    with av.open(file, "w", format="ogg", options={"page_duration": str(page_us)}) as container:
        track = container.add_stream("libopus", rate=encoder_hz, options={"frame_duration": str(frame_ms)})
        track.layout = "mono"
        samples = np.frombuffer(noise(960, encoder_hz).pcm, "<i2")
        for at in range(0, len(samples), 480):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 480], format="s16", layout="mono")
            frame.sample_rate, frame.pts = encoder_hz, at
            container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return file.getvalue()


def split(events):
    """Stream starts, packets, errors."""
    events = list(events)
    return (
        [event for event in events if isinstance(event, OpusHead)],
        [event for event in events if isinstance(event, bytes)],
        [event for event in events if isinstance(event, ClientError)],
    )


def fed(data, cut=None):
    reader = OggOpusReader()
    step = cut or len(data)
    return split([event for at in range(0, len(data), step) for event in reader.feed(data[at : at + step])])


PACKETS = [bytes([at]) * length for at, length in enumerate([1, 254, 255, 256, 510, 700, 3], start=1)]


@pytest.mark.parametrize("cut", [None, 1, 3, 100, 997])
def test_packets_come_out_whatever_the_cut(cut):
    heads, packets, errors = fed(stream(PACKETS), cut)
    assert heads == [OpusHead(1, 312)]
    assert packets == PACKETS
    assert errors == []


def test_a_packet_leaves_with_the_last_byte_of_its_page():
    data = stream(PACKETS[:1])
    reader = OggOpusReader()
    assert split(reader.feed(data[:-1]))[1] == []
    assert split(reader.feed(data[-1:]))[1] == PACKETS[:1]


@pytest.mark.parametrize("page_us", [20_000, 80_000, 1_000_000])
@pytest.mark.parametrize("encoder_hz", [16_000, 24_000, 48_000])
@pytest.mark.parametrize("frame_ms", [20, 40, 60])
def test_what_pyav_writes(frame_ms, encoder_hz, page_us):
    heads, packets, errors = fed(written_by_pyav(frame_ms, encoder_hz, page_us), cut=1000)
    decoder = OpusDecoder()
    durations_ms = [decoder.decode(packet).duration_ms for packet in packets]
    assert len(heads) == 1
    assert errors == []
    assert set(durations_ms) == {frame_ms}
    assert sum(durations_ms) >= 960


@pytest.mark.parametrize(("packet_ms", "packets_a_page"), [(20, 4), (80, 1)])
def test_a_browser_recorders_80_ms_pages_at_24_khz(packet_ms, packets_a_page):
    encoded = list(OpusEncoder(24_000, packet_ms).encode(noise(960, 24_000)))
    _, packets, errors = fed(stream(encoded, packet_ms, packets_a_page), cut=333)
    decoder = OpusDecoder()
    assert errors == []
    assert packets == encoded
    assert sum(decoder.decode(packet).duration_ms for packet in packets) == 960


def test_our_stream_is_read_by_pyav():
    import av

    encoded = list(OpusEncoder(24_000, 80).encode(noise(960, 24_000)))
    with av.open(io.BytesIO(stream(encoded, 80))) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == (960 * 48) - 312


def test_chained_streams_each_say_that_they_begin():
    heads, packets, errors = fed(stream(PACKETS[:2], serial=1) + stream(PACKETS[2:], serial=2))
    assert len(heads) == 2
    assert packets == PACKETS
    assert errors == []


def test_a_stream_joined_late_is_taken_up():
    writer = OggOpusWriter(16_000)
    writer.take_headers()
    writer.page(PACKETS[:1], 20)
    assert fed(writer.page(PACKETS[1:3], 20)) == ([], PACKETS[1:3], [])


def test_reading_goes_on_after_garbage_between_pages():
    writer = OggOpusWriter(16_000)
    data = writer.take_headers() + writer.page(PACKETS[:1], 20) + b"OggS garbage" * 30 + writer.page(PACKETS[1:2], 20)
    _, packets, errors = fed(data + bytes(70_000) + writer.page(PACKETS[2:3], 20), cut=512)
    assert packets == PACKETS[:3]
    assert errors


def test_a_damaged_page_is_lost_alone():
    writer = OggOpusWriter(16_000)
    pages = [writer.take_headers(), *(writer.page([packet], 20) for packet in PACKETS)]
    damaged = bytearray(pages[3])
    damaged[40] ^= 1
    pages[3] = bytes(damaged)
    _, packets, errors = fed(b"".join(pages))
    assert packets == PACKETS[:2] + PACKETS[3:]
    assert any("checksum" in error.message for error in errors)


def test_a_packet_over_two_pages_is_joined_and_dropped_when_its_end_is_missing():
    def page(flags, sequence, segments, body):
        raw = bytearray(b"OggS\x00" + bytes([flags]) + bytes(8) + (5).to_bytes(4, "little"))
        raw += sequence.to_bytes(4, "little") + bytes(4) + bytes([len(segments), *segments]) + body
        raw[22:26] = page_checksum(bytes(raw)).to_bytes(4, "little")
        return bytes(raw)

    first, second = page(0, 2, [255], b"a" * 255), page(1, 3, [10, 1], b"a" * 10 + b"b")
    assert fed(first + second)[1] == [b"a" * 265, b"b"]
    assert fed(second)[1] == [b"b"]
    assert fed(first + page(0, 4, [1], b"c"))[1] == [b"c"]


def test_memory_stays_bounded():
    reader = OggOpusReader()
    random = np.random.default_rng(1)
    for _ in range(50):
        list(reader.feed(random.bytes(100_000)))
    assert len(reader._pages._buffer) < 66_000
    endless = b"".join(_endless_packet_pages(MAX_PACKET_BYTES // (255 * 255) + 3))
    assert [type(event) for event in reader.feed(endless)][-1] is ClientError
    assert reader._partial is None


def _endless_packet_pages(count):
    for at in range(count):
        last = at == count - 1
        segments = bytes([255] * 254 + [0 if last else 255])
        raw = bytearray(b"OggS\x00" + bytes([1 if at else 0]) + bytes(8) + (9).to_bytes(4, "little"))
        raw += at.to_bytes(4, "little") + bytes(4) + bytes([255]) + segments + bytes(sum(segments))
        raw[22:26] = page_checksum(bytes(raw)).to_bytes(4, "little")
        yield bytes(raw)


@pytest.mark.parametrize(
    ("packet", "word"),
    [
        (b"OpusHead\x01", "short"),
        (b"OpusHead\x10\x01" + bytes(9), "version"),
        (b"OpusHead\x01\x06" + bytes(9), "channels"),
        (b"OpusHead\x01\x02" + bytes(8) + b"\x01", "channels"),
    ],
)
def test_heads_that_cant_be_decoded_say_why(packet, word):
    error = parse_opus_head(packet)
    assert isinstance(error, ClientError)
    assert word in error.message


def test_another_codec_is_named():
    writer = OggOpusWriter(16_000)
    raw = bytearray(writer.take_headers())
    page = bytearray(raw[: 27 + 1 + 19])
    page[28:36] = b"\x01vorbis "
    page[22:26] = bytes(4)
    page[22:26] = page_checksum(bytes(page)).to_bytes(4, "little")
    _, packets, errors = fed(bytes(page) + writer.page(PACKETS, 20))
    assert packets == []
    assert "not Opus" in errors[0].message
