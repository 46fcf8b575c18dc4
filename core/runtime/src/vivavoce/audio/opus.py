"""Opus packets to PCM and back.

A decoder takes whatever an encoder made of it: any encoder rate, 2.5 to 120 ms a packet, mono or stereo.
libopus itself converts to the rate and the single channel that we ask for, so nothing is resampled here.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator

from vivavoce.audio.libopus import load_opuslib
from vivavoce_api.audio import BYTES_PER_SAMPLE, AudioChunk
from vivavoce_api.errors import ClientError
from vivavoce_api.transport import INPUT_SAMPLE_RATE_HZ

MAX_PACKET_BYTES = 61_440
"""The longest Opus packet there can be: 120 ms of frames of at most 1,275 bytes (RFC 7845, section 6)."""

LONGEST_PACKET_MS = 120
OPUS_SAMPLE_RATES_HZ = (8_000, 12_000, 16_000, 24_000, 48_000)


class OpusDecoder:
    """One stream of Opus packets, decoded to mono at `sample_rate_hz`.

    Raises `PrerequisiteError` when no libopus is installed.
    """

    def __init__(self, sample_rate_hz: int = INPUT_SAMPLE_RATE_HZ) -> None:
        if sample_rate_hz not in OPUS_SAMPLE_RATES_HZ:
            raise ValueError(f"Opus decodes to one of {OPUS_SAMPLE_RATES_HZ} Hz, not {sample_rate_hz}")
        opuslib = load_opuslib()
        self._native_decode = opuslib.api.decoder.libopus_decode
        self._strerror = opuslib.api.info.strerror
        self._decoder = opuslib.Decoder(sample_rate_hz, 1)
        self._sample_rate_hz = sample_rate_hz
        self._capacity = sample_rate_hz * LONGEST_PACKET_MS // 1000
        self._buffer = (ctypes.c_int16 * self._capacity)()
        self._pointer = ctypes.cast(self._buffer, ctypes.POINTER(ctypes.c_int16))

    def decode(self, packet: bytes) -> AudioChunk:
        """The sound of the next packet.

        Raises `ClientError` for what is not an Opus packet; the decoder stays usable. Opus has no checksum:
        damage that leaves the packet's framing intact is heard, not noticed.
        """
        if not 0 < len(packet) <= MAX_PACKET_BYTES:
            raise ClientError(f"an Opus packet has 1 to {MAX_PACKET_BYTES} bytes, got {len(packet)}")
        samples = self._native_decode(
            self._decoder.decoder_state, packet, len(packet), self._pointer, self._capacity, 0
        )
        if samples < 0:
            reason = self._strerror(samples).decode()
            raise ClientError(f"not an Opus packet ({len(packet)} bytes): {reason}")
        return AudioChunk(ctypes.string_at(self._buffer, samples * BYTES_PER_SAMPLE), self._sample_rate_hz)


class OpusEncoder:
    """Mono PCM to Opus packets tuned for speech, `packet_ms` long: 2.5, 5, 10, 20, 40, 60, 80, 100 or 120."""

    def __init__(self, sample_rate_hz: int = INPUT_SAMPLE_RATE_HZ, packet_ms: float = 20) -> None:
        if sample_rate_hz not in OPUS_SAMPLE_RATES_HZ:
            raise ValueError(f"Opus encodes one of {OPUS_SAMPLE_RATES_HZ} Hz, not {sample_rate_hz}")
        opuslib = load_opuslib()
        self._encoder = opuslib.Encoder(sample_rate_hz, 1, opuslib.APPLICATION_VOIP)
        self._sample_rate_hz = sample_rate_hz
        self._packet_samples = round(sample_rate_hz * packet_ms / 1000)
        self._packet_bytes = self._packet_samples * BYTES_PER_SAMPLE
        self._pending = b""

    @property
    def pending_ms(self) -> float:
        """How much sound waits for a packet to fill up."""
        return AudioChunk(self._pending, self._sample_rate_hz).duration_ms

    def encode(self, chunk: AudioChunk) -> Iterator[bytes]:
        """The packets that are complete with `chunk`; the rest waits for the next chunk or `flush`."""
        if chunk.sample_rate_hz != self._sample_rate_hz:
            raise ValueError(f"this encoder takes {self._sample_rate_hz} Hz, got {chunk.sample_rate_hz}")
        self._pending += chunk.pcm
        while len(self._pending) >= self._packet_bytes:
            pcm, self._pending = self._pending[: self._packet_bytes], self._pending[self._packet_bytes :]
            yield self._encoder.encode(pcm, self._packet_samples)

    def flush(self) -> Iterator[bytes]:
        """The last packet, filled up with silence; nothing when no sound is waiting."""
        if self._pending:
            missing = self._packet_bytes - len(self._pending)
            yield from self.encode(AudioChunk(bytes(missing), self._sample_rate_hz))
