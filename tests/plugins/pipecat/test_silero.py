"""Silero: it hears speech, forgets long silence, and keeps conversations apart."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import numpy as np
import pytest
from vivavoce_pipecat import silero
from vivavoce_pipecat.options import SileroOptions

from vivavoce.conversation.ear import Ear
from vivavoce.conversation.loudness import Loudness
from vivavoce.conversation.voice import Voice, VoiceTracker
from vivavoce_api import AudioChunk, EngineError, SessionContext, no_progress

WINDOW_BYTES = 2 * silero.WINDOW_SAMPLES


def windows(chunk: AudioChunk) -> Iterator[AudioChunk]:
    for start in range(0, len(chunk.pcm) - WINDOW_BYTES + 1, WINDOW_BYTES):
        yield AudioChunk(chunk.pcm[start : start + WINDOW_BYTES], 16_000)


async def probabilities(session: silero.SileroSession, chunk: AudioChunk) -> list[float]:
    return [await session.probability(window) for window in windows(chunk)]


def heard(*streams: list[AudioChunk]) -> list[list[float]]:
    """What each of several concurrent conversations on one engine hears, window by window."""

    async def listen() -> list[list[float]]:
        engine = silero.load(SileroOptions(), no_progress)
        try:
            sessions = [await engine.open_session(SessionContext(str(n))) for n in range(len(streams))]
            joined = [AudioChunk(b"".join(c.pcm for c in chunks), 16_000) for chunks in streams]
            return await asyncio.gather(*map(probabilities, sessions, joined))
        finally:
            await engine.close()

    return asyncio.run(listen())


class Counting:
    """A session that counts its passes."""

    def __init__(self, session: silero.SileroSession) -> None:
        self._session = session
        self.passes = 0
        self.reset, self.close = session.reset, session.close

    async def probability(self, window: AudioChunk) -> float:
        self.passes += 1
        return await self._session.probability(window)


def noise(duration_s: float, seed: int = 1) -> AudioChunk:
    samples = np.random.default_rng(seed).normal(0, 200, int(duration_s * 16_000)).astype(np.int16)
    return AudioChunk(samples.tobytes(), 16_000)


def speech_windows(found: list[float]) -> int:
    return sum(p > 0.5 for p in found)


def test_speech_is_told_from_noise_and_silence(speech: AudioChunk) -> None:
    spoken, silent, noisy = heard([speech], [AudioChunk.silence(4_000, 16_000)], [noise(4)])
    assert speech_windows(spoken) > 40
    assert speech_windows(silent) == speech_windows(noisy) == 0


def music(duration_s: float) -> AudioChunk:
    """Plucked notes four times a second: what drives an uncleared memory furthest off."""
    rng, count = np.random.default_rng(1), int(duration_s * 16_000)
    samples = np.zeros(count + 16_000)
    time_s = np.arange(16_000) / 16_000
    for start in range(0, count, 4_000):
        pitch_hz = rng.choice([220, 262, 330, 392, 440, 523, 659])
        tones = sum(np.sin(2 * np.pi * pitch_hz * n * time_s) / n for n in range(1, 5))
        samples[start : start + 16_000] += 3_000 * np.exp(-3.2 * time_s) * tones
    return AudioChunk(np.clip(samples[:count], -32_000, 32_000).astype(np.int16).tobytes(), 16_000)


@pytest.mark.slow
@pytest.mark.parametrize("sound", ["silence", "noise", "music"])
def test_speech_is_heard_as_well_after_a_minute_of_something_else(sentences: list[AudioChunk], sound: str) -> None:
    """Without the resets of the memory, 38% of this sentence's windows are lost after the music."""
    before = {"silence": AudioChunk.silence(60_000, 16_000), "noise": noise(60), "music": music(60)}[sound]
    whole_windows = AudioChunk(before.pcm[: len(before.pcm) // WINDOW_BYTES * WINDOW_BYTES], 16_000)
    fresh, late = heard([sentences[1]], [whole_windows, sentences[1]])
    assert speech_windows(late[-len(fresh) :]) >= 0.95 * speech_windows(fresh)


def test_sentences_in_a_quiet_room_begin_no_later_for_the_passes_that_are_spared(sentences: list[AudioChunk]) -> None:
    async def beginning(stream: AudioChunk, *, sparing: bool) -> tuple[int, int]:
        """The window in which speech begins, and the passes until there."""
        engine = silero.load(SileroOptions(), no_progress)
        vad, loudness, tracker = (
            Counting(await engine.open_session(SessionContext("x"))),
            Loudness(),
            VoiceTracker(32.0),
        )
        ear = Ear(vad)
        try:
            for n, window in enumerate(windows(stream)):
                loud_until_ms = loudness.loud_until_ms(window)
                asked = ear.probability(window, loudness, in_speech=False) if sparing else None
                probability = await (asked or vad.probability(window))
                if tracker.push(probability, loud_until_ms) is Voice.STARTED:
                    return n, vad.passes
            raise AssertionError("no speech was heard")
        finally:
            await engine.close()

    for number, sentence in enumerate(sentences):
        said = np.frombuffer(sentence.pcm, "<i2").astype(float)
        sound = np.concatenate([np.zeros(3 * 16_000), said])
        sound += np.random.default_rng(number).normal(0, 33, len(sound))
        stream = AudioChunk(np.clip(sound, -32768, 32767).astype("<i2").tobytes(), 16_000)
        began, all_passes = asyncio.run(beginning(stream, sparing=False))
        began_sparingly, passes = asyncio.run(beginning(stream, sparing=True))
        assert began_sparingly <= began + 1
        assert passes < all_passes / 2


def test_conversations_do_not_disturb_each_other(speech: AudioChunk) -> None:
    alone, *together = heard([speech]) + heard([speech], [noise(4)], [speech])
    assert together[0] == alone
    assert together[2] == alone


def test_memory_is_cleared_only_after_two_seconds_and_a_run_of_quiet() -> None:
    memory = silero.Memory.blank()
    for _ in range(silero.RESET_AFTER_WINDOWS + 5):
        memory = memory.after(0.9, memory.state, memory.context)
    counted = memory.windows
    for _ in range(silero.RESET_QUIET_WINDOWS - 1):
        memory = memory.after(0.05, memory.state, memory.context)
    assert memory.windows == counted + silero.RESET_QUIET_WINDOWS - 1
    assert memory.after(0.2, memory.state, memory.context).quiet_windows == 0
    assert memory.after(0.05, memory.state, memory.context).windows == 0


def test_reset_forgets(speech: AudioChunk) -> None:
    async def listen() -> tuple[list[float], list[float]]:
        engine = silero.load(SileroOptions(), no_progress)
        try:
            session = await engine.open_session(SessionContext("s"))
            first = await probabilities(session, speech)
            session.reset()
            return first, await probabilities(session, speech)
        finally:
            await engine.close()

    first, second = asyncio.run(listen())
    assert first == second


@pytest.mark.parametrize(
    "window", [AudioChunk.silence(32, 8_000), AudioChunk.silence(31, 16_000), AudioChunk(b"", 16_000)]
)
def test_any_other_window_is_refused(window: AudioChunk) -> None:
    async def listen() -> None:
        engine = silero.load(SileroOptions(), no_progress)
        session = await engine.open_session(SessionContext("s"))
        try:
            with pytest.raises(EngineError, match="512 samples at 16000 Hz"):
                await session.probability(window)
        finally:
            await engine.close()

    asyncio.run(listen())


def test_twenty_conversations_share_one_thread() -> None:
    async def listen() -> int:
        engine = silero.load(SileroOptions(), no_progress)
        sessions = [await engine.open_session(SessionContext(str(n))) for n in range(20)]
        await asyncio.gather(*(s.probability(AudioChunk.silence(32, 16_000)) for s in sessions))
        threads = sum(t.name.startswith("silero") for t in threading.enumerate())
        await engine.close()
        await engine.close()
        return threads - sum(t.name.startswith("silero") for t in threading.enumerate())

    assert asyncio.run(listen()) == 1
