"""How soon after the last word a speech-to-text engine has the text, and how right it is."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial

from vivavoce.audio.resample import StreamResampler
from vivavoce.bench.clips import Clip, placeholder
from vivavoce.bench.engines.attempts import attempt_all, open_sessions
from vivavoce.bench.engines.report import Line
from vivavoce.bench.measure import Progress
from vivavoce.bench.report import percentile, share
from vivavoce_api import (
    AudioChunk,
    EngineError,
    SpeechToTextEngine,
    SpeechToTextSession,
    VivavoceError,
)
from vivavoce_api.word_errors import WordErrors, count_word_errors

CHUNK_MS = 32.0
"""What the runtime hands on at a time: a window of voice activity detection."""

ARRIVE_WITHIN_S = 4.0
GAP_S = (0.4, 1.2)
"""Sessions begin within 4 s, and wait between utterances: drawn anew each time, so that few end together."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One utterance: when its final transcript came, in ms after the end of speech, and its word errors.

    Without a known text there are no words and no errors.
    """

    final_ms: float
    text: str
    errors: WordErrors


async def measure_hearing(
    engine: SpeechToTextEngine,
    clips: Sequence[Clip],
    sessions: Sequence[int],
    rounds: int,
    progress: Progress,
    *,
    sample_rate_hz: int = 16_000,
    seed: int = 1,
) -> list[Line]:
    """For each number of sessions: each says all clips in order, `rounds` times, in real time.

    The sound is handed in 32 ms at a time, when a microphone would have it, up to the last voiced sample; the clock
    runs from that moment to the final transcript. Partial transcripts are made meanwhile, as in a conversation.
    The word error rate is that of all words together; NaN where no text is known.

    Raises `EngineError` when the engine can't hear at all; single failures are counted. Cancelling stops it.
    """
    spoken = [(text_of(clip), speech_of(clip, sample_rate_hz)) for clip in clips]
    async with open_sessions(engine, 1) as (session,):
        await hear(session, *spoken[0])
    return [await _measure(engine, spoken, count, rounds, progress, seed) for count in sessions]


async def _measure(
    engine: SpeechToTextEngine,
    spoken: list[tuple[str, AudioChunk]],
    count: int,
    rounds: int,
    progress: Progress,
    seed: int,
) -> Line:
    label, suffix = ("1 session", "") if count == 1 else (f"{count} sessions", f"_{count}_sessions")
    total = count * rounds * len(spoken)
    try:
        async with open_sessions(engine, count) as opened:
            works = [_attempts(session, place, spoken, rounds, seed) for place, session in enumerate(opened)]
            heard, failures = await attempt_all(works, lambda done: progress(label, done, total))
    except VivavoceError as error:
        return Line(label, suffix=suffix, failures=(error.message,))
    return Line(label, figures(heard), suffix, failures)


def _attempts(
    session: SpeechToTextSession, place: int, spoken: list[tuple[str, AudioChunk]], rounds: int, seed: int
) -> list[partial]:
    draw = random.Random(f"{seed} {place}")
    waits_s = [draw.uniform(0, ARRIVE_WITHIN_S), *(draw.uniform(*GAP_S) for _ in range(rounds * len(spoken) - 1))]
    return [
        partial(_after, wait_s, session, text, speech)
        for wait_s, (text, speech) in zip(waits_s, spoken * rounds, strict=True)
    ]


async def _after(gap_s: float, session: SpeechToTextSession, text: str, speech: AudioChunk) -> Heard:
    await asyncio.sleep(gap_s)
    return await hear(session, text, speech)


async def hear(session: SpeechToTextSession, text: str, speech: AudioChunk) -> Heard:
    """Say `speech`, in which `text` is said, in real time. Raises `EngineError`, also when no final one comes."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    async with aclosing(session.transcribe(spoken_from(began_s, speech))) as transcripts:  # type: ignore[type-var]
        async for transcript in transcripts:
            if transcript.final:
                final_ms = (loop.time() - began_s) * 1000 - speech.duration_ms
                return Heard(final_ms, transcript.text, _errors(text, transcript.text))
    raise EngineError("no final transcript came")


async def spoken_from(began_s: float, speech: AudioChunk) -> AsyncIterator[AudioChunk]:
    """The speech in chunks of 32 ms, each when the last of its samples has been recorded."""
    at_ms = 0.0
    while at_ms < speech.duration_ms:
        chunk = speech.slice_ms(at_ms, at_ms + CHUNK_MS)
        at_ms += chunk.duration_ms
        await asyncio.sleep(max(0.0, began_s + at_ms / 1000 - asyncio.get_running_loop().time()))
        yield chunk


def figures(heard: Sequence[Heard]) -> dict[str, float]:
    """The figures of one line."""
    errors = sum((one.errors for one in heard), WordErrors())
    return {
        "final_p50_ms": percentile([one.final_ms for one in heard], 50),
        "final_p95_ms": percentile([one.final_ms for one in heard], 95),
        "word_error_rate": share(errors.edits, errors.words),
    }


def text_of(clip: Clip) -> str:
    """What is said in a clip; empty where it isn't known."""
    text = " ".join(word.text for word in clip.words)
    return "" if text == placeholder(clip.voiced_until_ms - clip.voiced_from_ms) else text


def speech_of(clip: Clip, sample_rate_hz: int) -> AudioChunk:
    """The clip up to its last voiced sample, at the rate that the engine wants."""
    audio = clip.audio.slice_ms(0, clip.voiced_until_ms)
    resampler = StreamResampler(audio.sample_rate_hz, sample_rate_hz)
    return AudioChunk(resampler.feed(audio).pcm + resampler.flush().pcm, sample_rate_hz)


def _errors(said: str, heard: str) -> WordErrors:
    return count_word_errors(said, heard) if said else WordErrors()
