"""The engines of an agent: loaded once, shared by all conversations, closed together."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from vivavoce.conversation.sessions import Sessions
from vivavoce.definition.agent import AgentDefinition
from vivavoce.definition.choice import Choice
from vivavoce.fallback.engine import DEFAULT_DEADLINES_S, FallbackEngine
from vivavoce.fallback.members import Member, Members
from vivavoce.isolation import load_isolated, prepare_isolated
from vivavoce_api import EngineError, Offer, Options, PredictsEndOfTurn, Progress, SessionContext, VivavoceError


class LoadProgress(Protocol):
    """Told how each engine's loading goes; called from threads."""

    def __call__(self, engine: str, step: str, done: int, total: int | None) -> None:
        """`engine` is the section of the YAML; `done` of `total` in bytes or pieces."""
        ...


@dataclass
class Engines:
    """Engines by the section of the YAML that chose them (`stt`, `llm`, ..., `tools[0]`), and these choices."""

    choices: Mapping[str, Choice]
    loaded: dict[str, Any]
    llm_judges_completeness: bool

    @classmethod
    async def load(cls, definition: AgentDefinition, progress: LoadProgress) -> Engines:
        """Prepare and load all engines side by side, each in a thread. Where one fails, the others are closed again.

        Raises `VivavoceError` (the first failure). Cancelling waits for the threads, which can't be stopped, and ends
        worker processes.
        """
        engines = cls(chosen(definition), {}, definition.completeness == "llm")
        try:
            await engines._load_all(progress, definition.limits.max_turn_s)
        except BaseException:
            await engines.close()
            raise
        return engines

    async def _load_all(self, progress: LoadProgress, max_turn_s: float) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                for section, choice in self.choices.items():
                    group.create_task(self._load_one(section, choice, progress, max_turn_s))
        except ExceptionGroup as failures:  # not `except*`: before 3.11.4 it wraps what is raised in it
            for error in failures.exceptions:
                if isinstance(error, VivavoceError):
                    raise error from None
            raise

    async def _load_one(self, section: str, choice: Choice, progress: LoadProgress, max_turn_s: float) -> None:
        if choice.fallbacks:
            self.loaded[section] = await load_list(section, choice, progress, max_turn_s)
        else:
            self.loaded[section] = await load_choice(section, choice, progress)

    @property
    def lists(self) -> list[Members]:
        """The plugins of the sections that list several, with their states."""
        return [engine.members for engine in self.loaded.values() if isinstance(engine, FallbackEngine)]

    @property
    def max_sessions(self) -> int | None:
        """Conversations that the least roomy engine can serve; None: no engine has a limit."""
        limits = [getattr(engine, "max_sessions", None) for engine in self.loaded.values()]
        return min((limit for limit in limits if limit is not None), default=None)

    @asynccontextmanager
    async def sessions(self, session_id: str, parameters: Mapping[str, str]) -> AsyncIterator[Sessions]:
        """Open one conversation's session of every engine; all are closed at the end, whatever happened.

        Raises `ClientError` for a parameter that an engine refuses, `EngineBusyError`.
        """
        async with AsyncExitStack() as stack:
            opened: dict[str, Any] = {}
            for section, choice in self.choices.items():
                engine = self.loaded[section]
                if section.startswith("tools"):
                    continue
                wanted = choice.session_parameters
                context = SessionContext(session_id, {k: v for k, v in parameters.items() if k in wanted})
                opened[section] = await engine.open_session(context)
                stack.push_async_callback(opened[section].close)
            tools = {e.spec.name: e for section, e in self.loaded.items() if section.startswith("tools")}
            if self.llm_judges_completeness and isinstance(opened["llm"], PredictsEndOfTurn):
                opened["completeness"] = opened["llm"]
            yield Sessions(**opened, tools=tools)

    async def close(self) -> None:
        """Close all engines, each whatever the others do. Idempotent."""
        loaded, self.loaded = self.loaded, {}
        await asyncio.gather(*(engine.close() for engine in loaded.values()), return_exceptions=True)


def chosen(definition: AgentDefinition) -> dict[str, Choice]:
    """The choices of a definition whose engines take part in conversations, by section."""
    choices = {"stt": definition.stt, "llm": definition.llm, "tts": definition.tts, "vad": definition.vad}
    if definition.turn_detector is not None:
        choices["turn_detector"] = definition.turn_detector
    if isinstance(definition.completeness, Choice):
        choices["completeness"] = definition.completeness
    return choices | {f"tools[{index}]": tool for index, tool in enumerate(definition.tools)}


def one_by_one(definition: AgentDefinition) -> dict[str, Choice]:
    """As `chosen`, with the plugins of a list as `tts[0]`, `tts[1]` and so on."""
    return {
        key: listed
        for section, choice in chosen(definition).items()
        for key, listed in zip(keys_in(section, choice), choice.listed, strict=True)
    }


def keys_in(section: str, choice: Choice) -> list[str]:
    """The keys of the plugins that a section names, as people write them."""
    return [f"{section}[{index}]" for index in range(len(choice.listed))] if choice.fallbacks else [section]


async def load_list(section: str, choice: Choice, progress: LoadProgress, max_turn_s: float) -> FallbackEngine:
    """Load all plugins that a section lists. Raises `VivavoceError` where none can be loaded."""
    names = [listed.offer.name for listed in choice.listed]
    members = [
        Member(
            name if names.count(name) == 1 else f"{name}[{index}]",
            listed.offer,
            listed.deadline_ms / 1000 if listed.deadline_ms is not None else DEFAULT_DEADLINES_S[listed.offer.kind],
            partial(_load_listed, key, listed, progress),
        )
        for index, (name, key, listed) in enumerate(zip(names, keys_in(section, choice), choice.listed, strict=True))
    ]
    engine = FallbackEngine(section, members, max_turn_s)
    await engine.load()
    return engine


async def _load_listed(key: str, choice: Choice, progress: LoadProgress) -> Any:
    try:
        return await load_choice(key, choice, progress)
    except VivavoceError:
        progress(key, "not available", 0, None)
        raise


async def load_choice(section: str, choice: Choice, progress: LoadProgress) -> Any:
    """Prepare and load what `choice` names, in a thread, or in worker processes where it says so.

    Raises `VivavoceError`. Cancelling can't stop the thread; the end of the event loop waits for it.
    """

    def of_section(step: str, done: int = 0, total: int | None = None) -> None:
        progress(section, step, done, total)

    if choice.isolation == "none":
        loaded = await asyncio.to_thread(_prepare_and_load, choice.offer, choice.options, of_section)
    else:
        loaded = await load_isolated(choice.entry, choice.options, choice.isolation, of_section)
    progress(section, "ready", 1, 1)
    return loaded


async def prepare_choice(section: str, choice: Choice, progress: LoadProgress, *, rebuild: bool = False) -> None:
    """Fetch or compile what `choice` needs, its environment too where it has one of its own (anew: `rebuild`).

    Loads no engine. Raises `VivavoceError`. Cancelling can't stop the thread in which an engine prepares.
    """

    def of_section(step: str, done: int = 0, total: int | None = None) -> None:
        progress(section, step, done, total)

    if choice.isolation == "none":
        await asyncio.to_thread(_prepare, choice.offer, choice.options, of_section)
    else:
        await prepare_isolated(choice.entry, choice.options, choice.isolation, of_section, rebuild=rebuild)
    progress(section, "ready", 1, 1)


def _prepare(offer: Offer, options: Options, progress: Progress) -> None:
    _in_words(offer, "prepare", lambda: offer.prepare(options, progress))


def _prepare_and_load(offer: Offer, options: Options, progress: Progress) -> Any:
    _prepare(offer, options, progress)
    return _in_words(offer, "load", lambda: offer.load(options, progress))


def _in_words(offer: Offer, what: str, work: Callable[[], Any]) -> Any:
    try:
        return work()
    except VivavoceError:
        raise
    except Exception as error:
        raise EngineError(
            f"{offer.kind.value} '{offer.name}' failed to {what}: {type(error).__name__}: {error}"
        ) from error
