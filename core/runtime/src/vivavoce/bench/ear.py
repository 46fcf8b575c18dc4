"""What a listener hears of what a server sends: a player without any buffer of its own. No I/O."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.audio.level import first_audible_ms
from vivavoce_api import AudioChunk


@dataclass(frozen=True, slots=True)
class Played:
    """A message's sound. It came at `arrived_s`, plays from `start_s` to `end_s` (earlier when it is cut off)."""

    reply_id: int
    arrived_s: float
    start_s: float
    end_s: float
    audio: AudioChunk


class Ear:
    """Plays each message when it comes, or when the one before it has been played: no sooner can it be heard.

    All times are seconds of one clock.
    """

    def __init__(self) -> None:
        self.played: list[Played] = []
        self.until_s = float("-inf")

    def hear(self, at_s: float, reply_id: int, audio: AudioChunk) -> None:
        """Sound has come."""
        start_s = max(at_s, self.until_s)
        self.until_s = start_s + audio.duration_ms / 1000
        self.played.append(Played(reply_id, at_s, start_s, self.until_s, audio))

    def drop(self, at_s: float, reply_id: int) -> None:
        """The server said that reply `reply_id` was interrupted: what of it hasn't been played is thrown away."""
        kept: list[Played] = []
        for sound in self.played:
            if sound.reply_id != reply_id or sound.end_s <= at_s:
                kept.append(sound)
            elif sound.start_s < at_s:
                audio = sound.audio.slice_ms(0, (at_s - sound.start_s) * 1000)
                kept.append(Played(reply_id, sound.arrived_s, sound.start_s, at_s, audio))
        self.played = kept
        self.until_s = max((sound.end_s for sound in kept), default=float("-inf"))

    def first_audible_s(self, from_s: float) -> float | None:
        """When the first sample that can be heard, at `from_s` or later, is played."""
        for sound in self.played:
            if sound.end_s <= from_s:
                continue
            offset_ms = first_audible_ms(sound.audio, (from_s - sound.start_s) * 1000)
            if offset_ms is not None:
                return sound.start_s + offset_ms / 1000
        return None
