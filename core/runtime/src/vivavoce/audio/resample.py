"""Changing the sample rate of a stream."""

from __future__ import annotations

from vivavoce_api.audio import AudioChunk


class StreamResampler:
    """Chunks at `from_hz` in, chunks at `to_hz` out, without seams.

    soxr gives its sound out in lumps: to 16 kHz up to 40 ms of it are held back, from 8 kHz up to 115. (FFmpeg's filter
    holds back 1 to 2 ms, but importing it takes some tenths of a second: too long for a voice that takes over in
    mid-reply.)
    """

    def __init__(self, from_hz: int, to_hz: int) -> None:
        self._from_hz = from_hz
        self._to_hz = to_hz
        self._stream = None
        if from_hz != to_hz:
            import soxr

            self._stream = soxr.ResampleStream(from_hz, to_hz, 1, dtype="int16", quality="HQ")

    def feed(self, chunk: AudioChunk) -> AudioChunk:
        """What can be given out after `chunk`; may be empty. `ValueError` when the chunk has another rate."""
        if chunk.sample_rate_hz != self._from_hz:
            raise ValueError(f"this resampler takes {self._from_hz} Hz, got {chunk.sample_rate_hz}")
        return self._resample(chunk.pcm, last=False)

    def flush(self) -> AudioChunk:
        """What the filter still held. The stream is over."""
        return self._resample(b"", last=True)

    def _resample(self, pcm: bytes, *, last: bool) -> AudioChunk:
        if self._stream is None:
            return AudioChunk(pcm, self._to_hz)
        import numpy as np

        samples = self._stream.resample_chunk(np.frombuffer(pcm, dtype=np.int16), last=last)
        return AudioChunk(samples.astype("<i2", copy=False).tobytes(), self._to_hz)
