"""What a conversation needs to know of the agent's definition and its engines."""

from __future__ import annotations

from dataclasses import dataclass

from vivavoce.conversation.turn import TurnSettings


@dataclass(frozen=True, slots=True)
class ConversationSettings:
    """Names as in the agent's YAML; `window_*` and `preroll_windows` come from the voice activity engine.

    `serial_model`: the language model takes one request of a conversation at a time, and judges completeness too.
    """

    instructions: str
    greeting: str | None
    turn: TurnSettings
    voice_threshold: float
    speculate_after_ms: float
    max_speculations: int
    serial_model: bool
    barge_in: bool
    barge_in_ms: float
    backchannels: tuple[str, ...]
    max_lead_ms: float
    max_session_s: float
    max_reply_s: float
    max_history_messages: int
    idle_timeout_s: float
    window_ms: float
    window_bytes: int
    preroll_windows: int

    @property
    def backchannel_ms(self) -> float:
        """Speech longer than this is no backchannel, whatever its words: "mhm" and the like take 200-400 ms."""
        return self.barge_in_ms + 300.0
