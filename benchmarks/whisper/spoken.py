"""A clip with known words."""

from __future__ import annotations

from dataclasses import dataclass

RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class Spoken:
    """PCM16 at 16 kHz, and what is said in it."""

    name: str
    text: str
    pcm: bytes

    @property
    def duration_s(self) -> float:
        """Its length."""
        return len(self.pcm) / 2 / RATE_HZ
