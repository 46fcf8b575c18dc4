"""How long the server waits for a worker process, and how soon it starts another one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Times in seconds.

    - `start_s`, `silence_s`: a worker of which nothing was heard for so long hangs, while it starts or later on. It
      beats twice a second.
    - `answer_s`: a call that got all its input gives its first result, and each further one, within this time.
    - `cancel_s`: a call that was cancelled has ended within this time, or its worker is ended instead.
    - `close_s`: an orderly end takes no longer.
    - `first_pause_s`: from the death of a worker to the next one; doubled with each failure, up to `longest_pause_s`,
      until one has lived for `steady_s`.
    """

    start_s: float = 60.0
    silence_s: float = 10.0
    answer_s: float = 60.0
    cancel_s: float = 5.0
    close_s: float = 10.0
    first_pause_s: float = 0.2
    longest_pause_s: float = 30.0
    steady_s: float = 60.0
