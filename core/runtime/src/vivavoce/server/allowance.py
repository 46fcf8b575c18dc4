"""How fast one client may make the server work."""

from __future__ import annotations


class Allowance:
    """A client's sound is taken at the pace of time, with `burst_ms` to spare; more has to wait.

    `spend` and `now_s` are in media and clock time. Nothing is saved up while a client is quiet.
    """

    def __init__(self, burst_ms: float) -> None:
        self._burst_ms = burst_ms
        self._ahead_ms = 0.0
        self._counted_at_s: float | None = None

    def spend(self, cost_ms: float, now_s: float) -> float:
        """Count `cost_ms` of sound; returns how many seconds to wait before taking more."""
        if self._counted_at_s is not None:
            self._ahead_ms = max(0.0, self._ahead_ms - (now_s - self._counted_at_s) * 1000)
        self._counted_at_s = now_s
        self._ahead_ms += cost_ms
        return max(0.0, self._ahead_ms - self._burst_ms) / 1000
