"""How far the client's sound has come: a little further than what has arrived of it."""

from __future__ import annotations

# Sound of so much more than a window can be on its way: what fills the next packet of 20 ms.
PACKET_MS = 20.0


class SoundClock:
    """Counts a stream of sound by the event loop's clock; positions are milliseconds from the stream's start.

    Sound arrives in packets and is judged in windows, so that the newest of it is up to 20 ms old when it comes, and
    as late again until its window is full. The arrival that was held up least tells when the stream began; from there
    the clock runs on, by at most a window and a packet beyond what has arrived.
    """

    def __init__(self, window_ms: float, now: float) -> None:
        self._most_ahead_ms = window_ms + PACKET_MS
        self._began_at = self._arrived_at = now
        self.arrived_ms = 0.0

    def arrived(self, duration_ms: float, at: float) -> None:
        """The next sound is there, at `at` seconds of the event loop's clock."""
        self.arrived_ms += duration_ms
        self._arrived_at = at
        self._began_at = min(self._began_at, at - self.arrived_ms / 1000)

    def at(self, position_ms: float) -> float:
        """When the sound at a position was made, in seconds of the event loop's clock."""
        return self._began_at + position_ms / 1000

    def ahead_ms(self, now: float) -> float:
        """How much sound is on its way."""
        return min(max(0.0, (now - self._began_at) * 1000 - self.arrived_ms), self._most_ahead_ms)

    def counts_on_for_ms(self, now: float) -> float:
        """For how long the clock will go on if nothing arrives."""
        return self._most_ahead_ms - self.ahead_ms(now)

    def overdue_ms(self, now: float) -> float:
        """Time since the last arrival."""
        return (now - self._arrived_at) * 1000
