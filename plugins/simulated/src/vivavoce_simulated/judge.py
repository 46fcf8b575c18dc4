"""A judge of whether the user's words are complete, whose answers a real model gave beforehand."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Sequence

from vivavoce_api import ConfigurationError, EngineError, Generated, Message, SessionContext, ToolSpec
from vivavoce_simulated.closing import Closing
from vivavoce_simulated.faults import Faults
from vivavoce_simulated.options import JudgeOptions
from vivavoce_simulated.script import Turn

_WORD = re.compile(r"[\w']+")

Answers = dict[tuple[str, ...], float]
"""For the beginnings of all turns."""


class SimulatedJudge:
    """The engine: what was recorded, and how long an answer takes."""

    max_sessions = None

    def __init__(self, options: JudgeOptions, script: Sequence[Turn]) -> None:
        """Raises `ConfigurationError` where the script's words have no probabilities."""
        self._options = options
        self._answers = answers(options, script)
        self._faults = Faults(options)

    async def open_session(self, context: SessionContext) -> SimulatedJudgeSession:
        """Open a session."""
        self._faults.open()
        return SimulatedJudgeSession(self._options, self._answers, self._faults)

    async def close(self) -> None:
        """Nothing to free."""


class SimulatedJudgeSession:
    """Implements `LanguageModelSession`, though it says nothing, and `PredictsEndOfTurn`."""

    def __init__(self, options: JudgeOptions, known: Answers, faults: Faults) -> None:
        self._options = options
        self._answers = known
        self._faults = faults
        self._closing = Closing()

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[Generated, None]:
        """Raises `EngineError`: it judges, and says nothing."""
        raise EngineError("simulated-judge says nothing", fix="llm: {plugin: simulated}")
        yield  # makes this a generator

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """What was recorded for the end of the last message, `pass_ms` after the question.

        Where a message begins with other words, its longest end that begins a turn counts: an utterance that was
        answered too early goes on in the same message. Raises `EngineError` where there is none.
        """
        if not messages or messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        await self._faults.begin(self._closing)
        await self._closing.sleep_until(asyncio.get_running_loop().time() + self._options.pass_ms / 1000)
        said = words(messages[-1].content)
        for start in range(len(said)):
            if (found := self._answers.get(said[start:])) is not None:
                return found
        if not said:
            return 0.0
        raise EngineError(f"the script {self._options.script} has no turn that begins '{' '.join(said)[:80]}'")

    async def close(self) -> None:
        """End what runs with an `EngineError`."""
        self._closing.close()


def answers(options: JudgeOptions, script: Sequence[Turn]) -> Answers:
    """The probability for each beginning of a turn; the first turn's where several begin alike."""
    found: Answers = {}
    for number, turn in enumerate(script):
        said: tuple[str, ...] = ()
        for entry in turn:
            if entry.over is None:
                raise ConfigurationError(
                    f"the script {options.script} does not say whether turn {number} is `over` after '{entry.word}'",
                    fix="name a `reader` and let `vivavoce bench` ask it, or write in what a language model said",
                )
            said += words(entry.word)
            found.setdefault(said, entry.over)
    return found


def words(text: str) -> tuple[str, ...]:
    """The words, lower-cased, without punctuation."""
    return tuple(_WORD.findall(text.lower().replace("\u2019", "'")))
