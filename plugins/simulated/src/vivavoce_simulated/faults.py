"""Failing as stated, for tests of what happens then."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from vivavoce_api import EngineBusyError, EngineError, EngineUnavailableError, Options
from vivavoce_simulated.closing import Closing

FaultName = Literal["none", "load", "busy", "start", "middle", "hang"]

ITEMS_BEFORE_FAILURE = 3
"""Chunks, tokens or transcripts before `middle` fails."""

FOREVER_S = 1e9


class FaultOptions(Options):
    """What each simulated engine's section may say about failing."""

    fault: FaultName = Field(
        "none",
        description="How it fails: `load` can't be loaded, `busy` has no place for a session, `start` fails before it"
        " gives anything, `middle` after three chunks, tokens or transcripts, `hang` never answers.",
    )
    fault_times: int | None = Field(
        None, ge=1, le=1_000_000, description="How often it fails before it does well. Default: always."
    )


class Faults:
    """Counts an engine's failures, over all its sessions."""

    def __init__(self, options: FaultOptions) -> None:
        self._fault = options.fault
        self._left = options.fault_times
        if self._takes("load"):
            raise EngineUnavailableError("the simulated engine can't be loaded, as it was told")

    def open(self) -> None:
        """A session is asked for. Raises `EngineBusyError`."""
        if self._takes("busy"):
            raise EngineBusyError("the simulated engine has no place, as it was told")

    async def begin(self, closing: Closing) -> None:
        """A call begins: it fails, or hangs until the session is closed."""
        if self._takes("start"):
            raise EngineUnavailableError("the simulated engine fails, as it was told")
        if self._takes("hang"):
            await closing.sleep_until(FOREVER_S)

    def after(self, items: int) -> None:
        """So many items were given in this call."""
        if items == ITEMS_BEFORE_FAILURE and self._takes("middle"):
            raise EngineError("the simulated engine fails in the middle, as it was told")

    def _takes(self, fault: FaultName) -> bool:
        if self._fault != fault or self._left == 0:
            return False
        if self._left is not None:
            self._left -= 1
        return True
