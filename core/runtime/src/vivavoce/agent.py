"""An agent: a definition, its engines, and the conversations that go on with it."""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from vivavoce import __version__
from vivavoce.conversation.conversation import Conversation
from vivavoce.conversation.judge import MODEL_LAG_MS
from vivavoce.conversation.settings import ConversationSettings
from vivavoce.conversation.tally import Tally
from vivavoce.conversation.turn import TurnSettings
from vivavoce.conversation.turn_model import STYLES
from vivavoce.definition.agent import AgentDefinition
from vivavoce.definition.choice import Choice
from vivavoce.engines import Engines, LoadProgress, chosen, keys_in, one_by_one
from vivavoce.fallback.members import Members
from vivavoce.isolation.engine import IsolatedEngine
from vivavoce_api import BYTES_PER_SAMPLE, Connection, EngineBusyError, EngineUnavailableError

# Silence after which a reply is begun, unheard, by style.
SPECULATE_AFTER_MS = {"eager": 24, "balanced": 40, "patient": 64}
# Sound kept from before the first voiced window: soft beginnings of words lie there.
PREROLL_MS = 320.0
# Who hangs up and calls again at once, as a page that is loaded anew does, is quicker than the end of their last
# conversation: where all places are taken, one is waited for.
PLACE_WITHIN_S = 1.0


def _label(choice: Choice) -> str:
    """A plugin with its model, and those that take over from it."""
    models = [(one.offer.name, getattr(one.options, "model", None)) for one in choice.listed]
    return ", else ".join(name if model is None else f"{name} ({model})" for name, model in models)


def _silent(engine: str, step: str, done: int, total: int | None) -> None:
    """Shows nothing."""


class Agent:
    """Serves conversations once `load` is done. It is the `AgentHost` of every transport."""

    def __init__(self, definition: AgentDefinition) -> None:
        self.definition = definition
        self.tally = Tally()
        self._engines: Engines | None = None
        self._steps: dict[str, str] = dict.fromkeys(one_by_one(definition), "waiting")
        self._places = asyncio.Semaphore(0)
        self._active = 0

    async def load(self, progress: LoadProgress = _silent) -> None:
        """Load and warm all engines. Raises `VivavoceError`; what was loaded by then is closed again.

        From then until `close` the garbage collector leaves alone what the process holds by now: a full collection
        of it stops all conversations (README, "How fast").
        """

        def note(engine: str, step: str, done: int, total: int | None) -> None:
            self._steps[engine] = step
            progress(engine, step, done, total)

        self._engines = await Engines.load(self.definition, note)
        self._places = asyncio.Semaphore(self.max_sessions)
        gc.collect()
        gc.freeze()

    async def close(self) -> None:
        """Close all engines. Idempotent; conversations should have ended."""
        engines, self._engines = self._engines, None
        if engines is not None:
            gc.unfreeze()
            await engines.close()

    @property
    def ready(self) -> bool:
        """Whether conversations can begin."""
        return self._engines is not None

    @property
    def max_sessions(self) -> int:
        """Conversations at once: the definition's limit, or that of the least roomy engine."""
        limit = self.definition.limits.max_sessions
        engines = self._engines.max_sessions if self._engines is not None else None
        return limit if engines is None else min(limit, engines)

    def status(self) -> dict[str, Any]:
        """What `/status` shows: the agent, its plugins and their options, readiness, sessions. Holds no secrets."""
        states = self._states_in_lists() | self._states_of_workers()
        return {
            "agent": self.definition.name,
            "version": __version__,
            "ready": self.ready,
            "engines": {
                key: {
                    "plugin": choice.offer.name,
                    "package": f"{choice.entry.distribution} {choice.entry.version}",
                    "state": self._steps[key],
                    **states.get(key, {}),
                }
                for key, choice in one_by_one(self.definition).items()
            },
            "fallbacks": {one.section: one.takeovers for one in self._lists()},
            "models": {section: _label(choice) for section, choice in chosen(self.definition).items()},
            "sessions": {"active": self._active, "max": self.max_sessions, "total": self.tally.sessions},
            "turns": {"total": self.tally.turns, "interrupted": self.tally.interruptions, "errors": self.tally.errors},
            "speculation": {
                "wasted": self.tally.speculations_wasted,
                "wasted_pieces": self.tally.wasted_pieces,
                "wasted_audio_ms": round(self.tally.wasted_audio_ms),
            },
        }

    def _lists(self) -> list[Members]:
        return self._engines.lists if self._engines is not None else []

    def _states_of_workers(self) -> dict[str, dict[str, Any]]:
        """How the engines that run in worker processes do now."""
        loaded = self._engines.loaded if self._engines is not None else {}
        return {key: {"state": one.state} for key, one in loaded.items() if isinstance(one, IsolatedEngine)}

    def _states_in_lists(self) -> dict[str, dict[str, Any]]:
        """How the plugins of lists do now, by their keys."""
        choices = chosen(self.definition)
        return {
            key: state
            for one in self._lists()
            for key, state in zip(keys_in(one.section, choices[one.section]), one.states(), strict=True)
        }

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        """Hold one conversation until the client is gone.

        Raises `EngineUnavailableError` while loading, `EngineBusyError` when full for a second, `ClientError` for a
        refused parameter. Cancelling ends the conversation and all that belongs to it.
        """
        engines = self._engines
        if engines is None:
            raise EngineUnavailableError("the agent is still loading its engines; try again in a moment")
        async with self._place(), engines.sessions(uuid.uuid4().hex[:12], parameters) as sessions:
            self.tally.sessions += 1
            await Conversation(self._settings(), sessions, connection, self.tally).run()

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """One of the agent's places. Raises `EngineBusyError`."""
        try:
            async with asyncio.timeout(PLACE_WITHIN_S):
                await self._places.acquire()
        except TimeoutError:
            raise EngineBusyError(f"all places ({self.max_sessions}) are taken; try again in a moment") from None
        self._active += 1
        try:
            yield
        finally:
            self._active -= 1
            self._places.release()

    def _settings(self) -> ConversationSettings:
        definition, turn, limits = self.definition, self.definition.turn, self.definition.limits
        vad = definition.vad.offer.capabilities
        window_ms = vad.window_samples * 1000 / vad.sample_rate_hz
        return ConversationSettings(
            instructions=definition.instructions,
            greeting=definition.greeting,
            turn=self._turn_settings(window_ms),
            voice_threshold=turn.voice_threshold,
            speculate_after_ms=self._speculate_after_ms,
            max_speculations=turn.max_speculations,
            serial_model=definition.completeness == "llm" and definition.llm.offer.capabilities.serial,
            barge_in=turn.barge_in,
            barge_in_ms=turn.barge_in_ms,
            backchannels=tuple(turn.backchannels),
            max_lead_ms=getattr(definition.transport.options, "max_lead_ms", 200),
            max_session_s=limits.max_session_s,
            max_reply_s=limits.max_reply_s,
            max_history_messages=limits.max_history_messages,
            idle_timeout_s=limits.idle_timeout_s,
            window_ms=window_ms,
            window_bytes=vad.window_samples * BYTES_PER_SAMPLE,
            preroll_windows=round(PREROLL_MS / window_ms),
        )

    @property
    def _speculate_after_ms(self) -> float:
        turn = self.definition.turn
        return SPECULATE_AFTER_MS[turn.style] if turn.speculate_after_ms is None else turn.speculate_after_ms

    def _turn_settings(self, window_ms: float) -> TurnSettings:
        definition, turn = self.definition, self.definition.turn
        style = STYLES[turn.style]
        detector = definition.turn_detector
        return TurnSettings(
            style=replace(
                style,
                min_ms=style.min_ms + MODEL_LAG_MS if turn.min_silence_ms is None else turn.min_silence_ms,
                max_ms=style.max_ms + MODEL_LAG_MS if turn.max_silence_ms is None else turn.max_silence_ms,
            ),
            flush_after_ms=self._speculate_after_ms / 2,
            max_turn_ms=definition.limits.max_turn_s * 1000,
            partials=definition.stt.offer.capabilities.partials,
            window_ms=window_ms,
            detector=detector.offer.capabilities if detector is not None else None,
        )
