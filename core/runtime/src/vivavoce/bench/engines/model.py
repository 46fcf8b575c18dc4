"""How soon a language model answers, and how soon its answer can be spoken."""

from __future__ import annotations

import asyncio
import math
import uuid
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial

from vivavoce.bench.engines.attempts import attempt_all, open_sessions
from vivavoce.bench.engines.material import conversation
from vivavoce.bench.engines.report import Line
from vivavoce.bench.measure import Progress
from vivavoce.bench.report import percentile
from vivavoce_api import (
    EngineError,
    LanguageModelEngine,
    LanguageModelSession,
    Message,
    TextDelta,
    Usage,
    VivavoceError,
    WarmsPrefix,
    next_clause,
)

MAX_PIECES = 120
"""A longer reply is cut off: what is measured was seen by then."""


@dataclass(frozen=True, slots=True)
class Answered:
    """One reply, in ms after it was asked for; NaN where it can't be told."""

    first_token_ms: float
    first_clause_ms: float
    tokens_per_s: float
    prompt_tokens: float


async def measure_model(
    engine: LanguageModelEngine,
    instructions: str,
    exchanges: Sequence[int],
    sessions: Sequence[int],
    replies: int,
    progress: Progress,
) -> list[Line]:
    """For each number of earlier exchanges and of sessions at once: each session asks for `replies` replies, twice.

    - cold: the conversation is asked about for the first time, and begins with words that no cache can know.
    - warm: so does this one, but all of it save the user's newest message has been given to `warm`, as the runtime
      does while the user speaks; where a session has no such method, a reply to it was begun and cut off.
    - first clause: enough text for `next_clause` to find something that can be spoken, or the end of the reply.
    - tokens a second: from the first to the last token, by the engine's own count where it tells one, else by pieces.

    Raises `EngineError` when the model can't answer at all; single failures are counted. Cancelling stops it.
    """
    async with open_sessions(engine, 1) as (session,):
        await ask(session, conversation(instructions, 0, "warm-up"))
    lines = []
    for length in exchanges:
        for count in sessions:
            measured = await _measure(engine, instructions, length, count, replies, progress)
            shape = "" if length == exchanges[0] else f"_{length}_exchanges"
            lines.append(replace(measured, suffix=shape + (f"_{count}_sessions" if count > 1 else "")))
    return lines


async def _measure(
    engine: LanguageModelEngine,
    instructions: str,
    length: int,
    count: int,
    replies: int,
    progress: Progress,
) -> Line:
    label = f"{length} earlier" + (f", {count} sessions" if count > 1 else "")
    try:
        async with open_sessions(engine, count) as opened:
            cold, failures = await attempt_all(
                [[partial(ask_cold, session, instructions, length)] * replies for session in opened],
                lambda done: progress(f"{label}, cold", done, count * replies),
            )
            warm, more_failures = await attempt_all(
                [[partial(ask_warm, session, instructions, length)] * replies for session in opened],
                lambda done: progress(f"{label}, warm", done, count * replies),
            )
    except VivavoceError as error:
        return Line(label, failures=(error.message,))
    return Line(label, figures(cold, warm), failures=failures + more_failures)


async def ask_cold(session: LanguageModelSession, instructions: str, exchanges: int) -> Answered:
    """Ask for a reply to a conversation that the model never saw."""
    return await ask(session, conversation(instructions, exchanges, uuid.uuid4().hex))


async def ask_warm(session: LanguageModelSession, instructions: str, exchanges: int) -> Answered:
    """Ask for a reply to one of which the model saw all but the newest message."""
    messages = conversation(instructions, exchanges, uuid.uuid4().hex)
    if isinstance(session, WarmsPrefix):
        await session.warm(messages[:-1])
    else:
        await ask(session, messages[:-1], max_pieces=1)
    return await ask(session, messages)


async def ask(session: LanguageModelSession, messages: Sequence[Message], max_pieces: int = MAX_PIECES) -> Answered:
    """Ask for one reply, and note when what of it came. Raises `EngineError`, also for an empty reply."""
    loop = asyncio.get_running_loop()
    asked_s = loop.time()
    text, clause_s, came_s, usage = "", math.nan, [], None
    async with aclosing(session.generate(messages)) as stream:  # type: ignore[type-var]
        async for item in stream:
            if isinstance(item, Usage):
                usage = item
            if not isinstance(item, TextDelta) or not item.text:
                continue
            came_s.append(loop.time())
            text += item.text
            if math.isnan(clause_s) and next_clause(text, first=True):
                clause_s = came_s[-1]
            if len(came_s) >= max_pieces:
                break
    if not came_s:
        raise EngineError("the reply was empty")
    tokens = usage.completion_tokens if usage is not None else len(came_s)
    lasted_s = came_s[-1] - came_s[0]
    return Answered(
        first_token_ms=(came_s[0] - asked_s) * 1000,
        first_clause_ms=((came_s[-1] if math.isnan(clause_s) else clause_s) - asked_s) * 1000,
        tokens_per_s=(tokens - 1) / lasted_s if lasted_s > 0 and tokens > 1 else math.nan,
        prompt_tokens=usage.prompt_tokens if usage is not None else math.nan,
    )


def figures(cold: Sequence[Answered], warm: Sequence[Answered]) -> dict[str, float]:
    """The figures of one line: p50 unless the name says otherwise."""
    found = {"prompt_tokens": _median([one.prompt_tokens for one in (*cold, *warm)])}
    for name, replies in (("cold", cold), ("warm", warm)):
        found[f"{name}_first_token_ms"] = _median([one.first_token_ms for one in replies])
        found[f"{name}_first_token_p95_ms"] = percentile([one.first_token_ms for one in replies], 95)
        found[f"{name}_first_clause_ms"] = _median([one.first_clause_ms for one in replies])
    rate = _median([one.tokens_per_s for one in (*cold, *warm)])
    return {**found, "tokens_per_s": rate, "token_ms": 1000 / rate}


def _median(values: Sequence[float]) -> float:
    return percentile([value for value in values if not math.isnan(value)], 50)
