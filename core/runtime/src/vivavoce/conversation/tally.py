"""Counts of what happened in the conversations of an agent."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from vivavoce.conversation.reply import Reply


@dataclass
class Tally:
    """Counters since start; `latencies_ms` keeps the newest thousand turns."""

    sessions: int = 0
    turns: int = 0
    interruptions: int = 0
    errors: int = 0
    speculations_wasted: int = 0
    wasted_pieces: int = 0
    wasted_audio_ms: float = 0.0
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=1000))

    def wasted(self, reply: Reply) -> None:
        """A speculative reply was thrown away."""
        self.speculations_wasted += 1
        self.wasted_pieces += reply.draft.pieces
        self.wasted_audio_ms += reply.made_ms
