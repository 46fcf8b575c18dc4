"""How soon and how steadily a text-to-speech engine speaks."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

from vivavoce.bench.ear import Ear
from vivavoce.bench.engines.attempts import attempt_all, open_sessions
from vivavoce.bench.engines.material import REPLIES
from vivavoce.bench.engines.pieces import written
from vivavoce.bench.engines.report import Line
from vivavoce.bench.measure import Progress
from vivavoce.bench.report import percentile, share
from vivavoce_api import EngineError, TextToSpeechEngine, TextToSpeechSession, VivavoceError

FIRST_WORD_AFTER_S = 0.05
"""Between the call of `synthesize` and the first word: what a quick language model takes to its first token. An
engine may use it to get ready, as in a conversation."""

UNDERRUN_MS = 1.0
"""A shorter hole in the sound can't be heard."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One reply. Times in ms after its first word was given; `first_audible_ms` is NaN where all of it is silent."""

    first_chunk_ms: float
    first_audible_ms: float
    last_chunk_ms: float
    audio_ms: float
    gaps_ms: tuple[float, ...]
    underruns: int


async def measure_voice(
    engine: TextToSpeechEngine, streams: Sequence[int], replies: int, tokens_per_s: float, progress: Progress
) -> list[Line]:
    """For each number of streams: that many sessions speak `replies` replies each, one after the other.

    They do it twice: with the text token by token, as a language model writes it (not if `tokens_per_s` is 0), and
    with all of it at once. The clock starts when the first word is given, 50 ms after `synthesize` was called.

    - first chunk: the first sound of any kind comes. Audible: a player without any buffer plays the first sample at
      or above -46 dBFS.
    - gap: between a chunk and the next. Underrun: that player has nothing to play for more than 1 ms until the next.
    - real-time factor: the time to the last chunk by the length of the sound, always with the text at once.

    Raises `EngineError` when the engine can't speak at all; single failures are counted. Cancelling stops it.
    """
    async with open_sessions(engine, 1) as (session,):
        await speak(session, REPLIES[0], 0.0)
    return [await _measure(engine, count, replies, tokens_per_s, progress) for count in streams]


async def _measure(
    engine: TextToSpeechEngine, count: int, replies: int, tokens_per_s: float, progress: Progress
) -> Line:
    label, suffix = ("1 stream", "") if count == 1 else (f"{count} streams", f"_{count}_streams")
    total = replies * count
    try:
        async with open_sessions(engine, count) as sessions:
            whole, failures = await attempt_all(
                [_attempts(session, place, replies, 0.0) for place, session in enumerate(sessions)],
                lambda done: progress(f"{label}, text at once", done, total),
            )
            streamed, more_failures = await attempt_all(
                [_attempts(s, place, replies, tokens_per_s) for place, s in enumerate(sessions) if tokens_per_s],
                lambda done: progress(f"{label}, text token by token", done, total),
            )
    except VivavoceError as error:
        return Line(label, suffix=suffix, failures=(error.message,))
    return Line(label, figures(streamed if tokens_per_s else whole, whole), suffix, failures + more_failures)


def _attempts(session: TextToSpeechSession, place: int, replies: int, tokens_per_s: float) -> list[partial]:
    """Streams begin with different replies, so that they don't say the same at the same time."""
    texts = [REPLIES[(place + number) % len(REPLIES)] for number in range(replies)]
    return [partial(speak, session, text, tokens_per_s) for text in texts]


async def speak(session: TextToSpeechSession, text: str, tokens_per_s: float) -> Spoken:
    """Have one reply spoken, and listen. Raises `EngineError`, also when nothing is heard."""
    loop, ear = asyncio.get_running_loop(), Ear()
    given_s = loop.time() + FIRST_WORD_AFTER_S
    async with aclosing(session.synthesize(written(text, given_s, tokens_per_s))) as chunks:  # type: ignore[type-var]
        async for chunk in chunks:
            ear.hear(loop.time(), 0, chunk.audio)
    if not ear.played:
        raise EngineError(f"no sound came for '{text}'")
    audible_s = ear.first_audible_s(given_s)
    pairs = list(pairwise(ear.played))
    return Spoken(
        first_chunk_ms=(ear.played[0].arrived_s - given_s) * 1000,
        first_audible_ms=(audible_s - given_s) * 1000 if audible_s is not None else math.nan,
        last_chunk_ms=(ear.played[-1].arrived_s - given_s) * 1000,
        audio_ms=sum(sound.audio.duration_ms for sound in ear.played),
        gaps_ms=tuple((after.arrived_s - before.arrived_s) * 1000 for before, after in pairs),
        underruns=sum((after.start_s - before.end_s) * 1000 > UNDERRUN_MS for before, after in pairs),
    )


def figures(spoken: Sequence[Spoken], whole: Sequence[Spoken]) -> dict[str, float]:
    """The figures of `spoken`, and those that only replies whose text came at once (`whole`) can tell."""
    chunks_ms = [reply.first_chunk_ms for reply in spoken]
    audible_ms = [reply.first_audible_ms for reply in spoken if not math.isnan(reply.first_audible_ms)]
    return {
        "first_chunk_ms": percentile(chunks_ms, 50),
        "first_chunk_p95_ms": percentile(chunks_ms, 95),
        "first_audible_ms": percentile(audible_ms, 50),
        "first_audible_p95_ms": percentile(audible_ms, 95),
        "gap_p99_ms": percentile([gap_ms for reply in spoken for gap_ms in reply.gaps_ms], 99),
        "underruns_per_reply": share(sum(reply.underruns for reply in spoken), len(spoken)),
        "whole_text_first_chunk_ms": percentile([reply.first_chunk_ms for reply in whole], 50),
        "real_time_factor": percentile([reply.last_chunk_ms / reply.audio_ms for reply in whole], 50),
    }
