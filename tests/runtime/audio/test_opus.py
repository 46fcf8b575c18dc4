"""Opus packets of every shape decode to 16 kHz mono; what is no packet is refused and harms nothing."""

import numpy as np
import pytest

from vivavoce.audio.libopus import load_opuslib
from vivavoce.audio.opus import MAX_PACKET_BYTES, OPUS_SAMPLE_RATES_HZ, OpusDecoder, OpusEncoder
from vivavoce_api.audio import AudioChunk
from vivavoce_api.errors import ClientError


def tone(duration_ms, sample_rate_hz, frequency_hz=440.0):
    times = np.arange(round(duration_ms * sample_rate_hz / 1000)) / sample_rate_hz
    return AudioChunk((8000 * np.sin(2 * np.pi * frequency_hz * times)).astype("<i2").tobytes(), sample_rate_hz)


def loudest_hz(chunk):
    samples = np.frombuffer(chunk.pcm, "<i2").astype(float)
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return np.argmax(spectrum) * chunk.sample_rate_hz / len(samples)


def decoded(packets):
    decoder = OpusDecoder()
    return AudioChunk(b"".join(decoder.decode(packet).pcm for packet in packets), 16_000)


@pytest.mark.parametrize("packet_ms", [2.5, 5, 10, 20, 40, 60, 80, 120])
@pytest.mark.parametrize("encoder_hz", OPUS_SAMPLE_RATES_HZ)
def test_every_rate_and_packet_length(encoder_hz, packet_ms):
    packets = list(OpusEncoder(encoder_hz, packet_ms).encode(tone(480, encoder_hz)))
    sound = decoded(packets)
    assert len(packets) == 480 / packet_ms
    assert sound.duration_ms == 480
    assert loudest_hz(sound) == pytest.approx(440, abs=5)


def test_stereo_is_mixed_down():
    opuslib = load_opuslib()
    encoder = opuslib.Encoder(48_000, 2, opuslib.APPLICATION_AUDIO)
    left = np.frombuffer(tone(480, 48_000).pcm, "<i2")
    both = np.stack([left, np.zeros_like(left)], axis=1)
    packets = [encoder.encode(both[at : at + 960].tobytes(), 960) for at in range(0, len(both), 960)]
    sound = decoded(packets)
    assert loudest_hz(sound) == pytest.approx(440, abs=5)
    assert 2_000 < np.abs(np.frombuffer(sound.pcm, "<i2")[2000:]).max() < 6_000


def test_the_encoder_keeps_what_fills_no_packet():
    encoder = OpusEncoder(16_000, 20)
    assert list(encoder.encode(tone(15, 16_000))) == []
    assert encoder.pending_ms == 15
    assert len(list(encoder.encode(tone(10, 16_000)))) == 1
    assert len(list(encoder.flush())) == 1
    assert list(encoder.flush()) == []


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"\x4f",  # code 3 without its count
        b"\x4b\x00",  # no frames
        b"\x4b\x3f",  # 63 frames of 20 ms
        b"OggS" + bytes(60),
        bytes(MAX_PACKET_BYTES + 1),
    ],
    ids=["empty", "no count", "no frames", "too long", "ogg", "huge"],
)
def test_what_is_no_packet_is_refused_and_the_decoder_goes_on(packet):
    decoder = OpusDecoder()
    (good,) = OpusEncoder().encode(tone(20, 16_000))
    with pytest.raises(ClientError):
        decoder.decode(packet)
    assert decoder.decode(good).duration_ms == 20


def test_a_truncated_packet_of_several_frames_is_refused():
    (packet,) = OpusEncoder(24_000, 80).encode(tone(80, 24_000))
    with pytest.raises(ClientError):
        OpusDecoder().decode(packet[: len(packet) // 2])


def test_random_bytes_never_break_the_decoder():
    random = np.random.default_rng(7)
    decoder = OpusDecoder()
    refused = 0
    for _ in range(500):
        try:
            assert decoder.decode(random.bytes(int(random.integers(1, 300)))).duration_ms <= 120
        except ClientError:
            refused += 1
    assert 0 < refused < 500
    assert loudest_hz(
        AudioChunk(b"".join(decoder.decode(p).pcm for p in OpusEncoder().encode(tone(480, 16_000))), 16_000)
    ) == (pytest.approx(440, abs=5))


def test_unknown_rates_are_refused():
    with pytest.raises(ValueError, match="44100"):
        OpusDecoder(44_100)
    with pytest.raises(ValueError, match="44100"):
        OpusEncoder(44_100)
