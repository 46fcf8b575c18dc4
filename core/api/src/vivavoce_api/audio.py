"""Audio as the contract carries it: PCM16 mono with its sample rate."""

from __future__ import annotations

from dataclasses import dataclass

BYTES_PER_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """A stretch of sound.

    `pcm` is signed 16-bit little-endian mono, so two bytes a sample; an odd length is a `ValueError`, as
    is a sample rate outside 4,000-192,000 Hz.
    """

    pcm: bytes
    sample_rate_hz: int

    def __post_init__(self) -> None:
        if len(self.pcm) % BYTES_PER_SAMPLE:
            raise ValueError(f"PCM16 needs an even number of bytes, got {len(self.pcm)}")
        if not 4_000 <= self.sample_rate_hz <= 192_000:
            raise ValueError(f"sample_rate_hz must be between 4000 and 192000, got {self.sample_rate_hz}")

    @classmethod
    def silence(cls, duration_ms: float, sample_rate_hz: int) -> AudioChunk:
        """Digital silence of `duration_ms` milliseconds."""
        return cls(bytes(BYTES_PER_SAMPLE * round(duration_ms * sample_rate_hz / 1000)), sample_rate_hz)

    @property
    def samples(self) -> int:
        """Number of samples."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def duration_ms(self) -> float:
        """Length in milliseconds."""
        return self.samples * 1000 / self.sample_rate_hz

    def slice_ms(self, start_ms: float, end_ms: float | None = None) -> AudioChunk:
        """The part from `start_ms` up to `end_ms` (or the end); positions outside the chunk are clipped."""
        start = max(0, round(start_ms * self.sample_rate_hz / 1000)) * BYTES_PER_SAMPLE
        if end_ms is None:
            return AudioChunk(self.pcm[start:], self.sample_rate_hz)
        end = max(0, round(end_ms * self.sample_rate_hz / 1000)) * BYTES_PER_SAMPLE
        return AudioChunk(self.pcm[start:end], self.sample_rate_hz)
