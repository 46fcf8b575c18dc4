"""The engine of a list: it looks like the engine of one plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vivavoce.fallback.attempts import Attempts
from vivavoce.fallback.language_model import FallbackLanguageModel, PredictingFallbackLanguageModel
from vivavoce.fallback.members import Member, Members
from vivavoce.fallback.speech_to_text import FallbackSpeechToText
from vivavoce.fallback.text_to_speech import FallbackTextToSpeech
from vivavoce_api import Kind, PredictsEndOfTurn, SessionContext

DEFAULT_DEADLINES_S = {Kind.SPEECH_TO_TEXT: 2.0, Kind.LANGUAGE_MODEL: 3.0, Kind.TEXT_TO_SPEECH: 2.0}
"""Long enough for a cold engine, short enough that a listener still waits for the answer."""

LEEWAY_S = 5.0
"""An utterance's audio may exceed a turn's bound by the sound from before its first voice."""


class FallbackEngine:
    """The plugins of one section, all of one kind, of which the next takes over where one fails.

    `max_turn_s` bounds the audio of an utterance that is kept for who takes over.
    """

    def __init__(self, section: str, members: Sequence[Member], max_turn_s: float) -> None:
        self.members = Members(section, members)
        self._first = members[0].offer
        self._max_audio_ms = (max_turn_s + LEEWAY_S) * 1000

    async def load(self) -> None:
        """Load all plugins. Raises `VivavoceError` where none can be loaded; the others are tried again later."""
        await self.members.load()

    @property
    def max_sessions(self) -> int | None:
        """Sessions that all together can serve at once; None: no limit of their own."""
        limits = [member.engine.max_sessions for member in self.members.all if member.engine is not None]
        return None if None in limits else sum(limits)

    async def open_session(self, context: SessionContext) -> Any:
        """Open a session at the first member that has a place; sessions of others are opened when they take over.

        Raises `EngineBusyError` where all are full, `ClientError`, `EngineError`.
        """
        attempts = Attempts(self.members, context)
        first = await attempts.open_first()
        match self._first.kind:
            case Kind.SPEECH_TO_TEXT:
                partials = self._first.capabilities.partials
                return FallbackSpeechToText(attempts, self._max_audio_ms, answers_flushes=partials)
            case Kind.LANGUAGE_MODEL if isinstance(first, PredictsEndOfTurn):
                return PredictingFallbackLanguageModel(attempts)
            case Kind.LANGUAGE_MODEL:
                return FallbackLanguageModel(attempts)
            case _:
                return FallbackTextToSpeech(attempts)

    async def close(self) -> None:
        """Close all engines. Idempotent."""
        await self.members.close()
