"""Whether a plugin may be used now: after a failure it rests, longer each time, and then one call tries it."""

from __future__ import annotations

FIRST_REST_S = 2.0
LONGEST_REST_S = 60.0
"""A rest doubles with each failure in a row, from the first to the longest."""


class Health:
    """What all conversations know of one engine. Times are seconds of the event loop's clock."""

    def __init__(self) -> None:
        self.failures = 0
        self.error: str | None = None
        self._resting_until: float | None = None
        self._is_probed = False
        self._serving = 0

    @property
    def is_serving(self) -> bool:
        """Whether a call is getting its answer right now: then it is not broken, whoever has to wait."""
        return self._serving > 0

    def is_open(self, now: float) -> bool:
        """Whether a call may use it: it is well, or it has rested and nobody is trying it."""
        return self._resting_until is None or (now >= self._resting_until and not self._is_probed)

    def rest_s(self, now: float) -> float | None:
        """How long it still rests; None: it is well."""
        return None if self._resting_until is None else max(0.0, self._resting_until - now)

    def begin(self, now: float) -> Trial:
        """A call uses it now, whether it is open or not."""
        is_probe = self._resting_until is not None and self.is_open(now)
        self._is_probed = self._is_probed or is_probe
        return Trial(self, is_probe)

    def _failed(self, now: float, error: str, *, is_probe: bool) -> None:
        """Failures of calls that began before it rested, or despite it, are one with the first."""
        self.error = error
        if self._resting_until is None or is_probe:
            rest_s = min(FIRST_REST_S * 2**self.failures, LONGEST_REST_S)
            self.failures += 1
            self._resting_until = now + rest_s

    def _answered(self) -> None:
        self._resting_until = None

    def _succeeded(self) -> None:
        self.failures = 0
        self.error = None


class Trial:
    """One call's use of an engine: perhaps `answered`, perhaps `failed`, at last `ended`."""

    def __init__(self, health: Health, is_probe: bool) -> None:
        self._health = health
        self._is_probe = is_probe
        self._has_answered = False
        self._has_failed = False

    def answered(self) -> None:
        """It gave something: others may use it again."""
        if not self._has_answered:
            self._has_answered = True
            self._health._serving += 1
            self._health._answered()
            self._release()

    def failed(self, now: float, error: str) -> None:
        """It broke or was too slow."""
        self._has_failed = True
        self._health._failed(now, error, is_probe=self._is_probe)
        self._release()

    def ended(self) -> None:
        """The call is over; called once. If it was cut short before the engine gave anything, nothing was learnt."""
        self._health._serving -= self._has_answered
        if self._has_answered and not self._has_failed:
            self._health._succeeded()
        self._release()

    def _release(self) -> None:
        if self._is_probe:
            self._is_probe = self._health._is_probed = False
