"""A voice whose chunks say when they left it; installed for one measurement by `__main__`."""

from __future__ import annotations

import asyncio
import time

from vivavoce_api import (
    AudioChunk,
    Kind,
    Offer,
    Options,
    SpeechChunk,
    SpokenSpan,
    TextToSpeechCapabilities,
    hookimpl,
)

CHUNK_MS = 80
SAMPLE_RATE_HZ = 24_000


class StampedOptions(Options):
    pace_ms: float = 80
    """From one chunk to the next, in milliseconds."""

    chunks: int = 100
    """Chunks of one reply."""


class StampedVoice:
    """Engine and session in one."""

    max_sessions = None

    def __init__(self, options):
        self.options = options
        self.sound = AudioChunk.silence(CHUNK_MS, SAMPLE_RATE_HZ)

    async def open_session(self, context):
        return self

    async def synthesize(self, text):
        for _ in range(self.options.chunks):
            await asyncio.sleep(self.options.pace_ms / 1000)
            now_ms = time.monotonic() * 1000  # one clock for all processes of a machine
            yield SpeechChunk(self.sound, (SpokenSpan("", now_ms, now_ms),))

    async def close(self): ...


@hookimpl
def vivavoce_text_to_speech():
    return [
        Offer(
            Kind.TEXT_TO_SPEECH,
            "stamped",
            "Silence that says when it was made",
            StampedOptions,
            lambda options, progress: StampedVoice(options),
            TextToSpeechCapabilities(SAMPLE_RATE_HZ),
        )
    ]
