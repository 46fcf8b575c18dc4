"""Changing the sample rate of live sound, without making it late.

Pipecat's own stream resampler (soxr) gives its sound out in lumps, late by 9 to 76 ms from 48 to 16 kHz and by up to
111 ms from 8 to 16 kHz; and on the way in it forgets what it holds whenever a packet is more than 0.2 s late.
"""

from __future__ import annotations

import av
import numpy as np

from vivavoce_api import AudioChunk


class LiveResampler:
    """Chunks of mono at any rate in, at `to_hz` out, without seams.

    FFmpeg's filter holds back 16 samples of the lower rate: 1 ms at 16 kHz, 2 ms at 8. Chunks at `to_hz` pass as
    they are. A stream whose rate changes begins anew, and loses those 16 samples.
    """

    def __init__(self, to_hz: int) -> None:
        self._to_hz = to_hz
        self._from_hz = 0
        self._filter: av.AudioResampler | None = None

    def feed(self, chunk: AudioChunk) -> AudioChunk:
        """What can be given out after `chunk`; may be empty."""
        if not chunk.samples or chunk.sample_rate_hz == self._to_hz:
            return AudioChunk(chunk.pcm, self._to_hz)
        if chunk.sample_rate_hz != self._from_hz:
            self._from_hz, self._filter = chunk.sample_rate_hz, None
        if self._filter is None:
            self._filter = av.AudioResampler(format="s16", layout="mono", rate=self._to_hz)
        frame = av.AudioFrame.from_ndarray(np.frombuffer(chunk.pcm, "<i2")[None], format="s16", layout="mono")
        frame.sample_rate = self._from_hz
        return self._given(self._filter.resample(frame))

    def flush(self) -> AudioChunk:
        """What the filter still held. The next chunk begins a new stream."""
        filter_, self._filter = self._filter, None
        return self._given(filter_.resample(None) if filter_ is not None else [])

    def _given(self, frames: list[av.AudioFrame]) -> AudioChunk:
        return AudioChunk(b"".join(frame.to_ndarray().tobytes() for frame in frames), self._to_hz)
