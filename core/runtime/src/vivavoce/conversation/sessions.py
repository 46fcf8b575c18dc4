"""One conversation's view of each engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from vivavoce_api import (
    LanguageModelSession,
    PredictsEndOfTurn,
    SpeechToTextSession,
    TextToSpeechSession,
    Tool,
    TurnDetectorSession,
    VoiceActivitySession,
)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Opened with the conversation and closed with it; tools are shared by all.

    `completeness` judges from the words whether a turn is over; it may be the same session as `llm`.
    """

    vad: VoiceActivitySession
    stt: SpeechToTextSession
    llm: LanguageModelSession
    tts: TextToSpeechSession
    turn_detector: TurnDetectorSession | None = None
    completeness: PredictsEndOfTurn | None = None
    tools: Mapping[str, Tool] = field(default_factory=dict)
