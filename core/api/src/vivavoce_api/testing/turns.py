"""Conformance of voice activity and turn detectors."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

from vivavoce_api.audio import BYTES_PER_SAMPLE, AudioChunk
from vivavoce_api.offers import Kind
from vivavoce_api.testing.engine import EngineConformance, LoadedEngine
from vivavoce_api.testing.sound import speech_clip
from vivavoce_api.turns import TurnDetectorCapabilities, VoiceActivityCapabilities


class VoiceActivityConformance(EngineConformance):
    """What every voice activity detector does. `threshold`: above it a window counts as voice."""

    kind = Kind.VOICE_ACTIVITY
    capabilities_type = VoiceActivityCapabilities
    threshold: ClassVar[float] = 0.5

    def make_sound(self, sample_rate_hz: int) -> AudioChunk:
        """Something that is a voice; override it with a recording where the synthetic one doesn't convince."""
        return speech_clip(2000, sample_rate_hz)

    async def judge(self, loaded: LoadedEngine, session: Any, audio: AudioChunk) -> list[float]:
        """The probabilities of all whole windows."""
        size = loaded.offer.capabilities.window_samples * BYTES_PER_SAMPLE
        return [
            await session.probability(AudioChunk(audio.pcm[start : start + size], audio.sample_rate_hz))
            for start in range(0, len(audio.pcm) - size + 1, size)
        ]

    def test_tells_voice_from_silence(self, vivavoce_loaded: LoadedEngine) -> None:
        rate = vivavoce_loaded.offer.capabilities.sample_rate_hz

        async def listen() -> tuple[list[float], list[float]]:
            session = await vivavoce_loaded.session()
            silence = await self.judge(vivavoce_loaded, session, AudioChunk.silence(1000, rate))
            session.reset()
            voice = await self.judge(vivavoce_loaded, session, self.make_sound(rate))
            await session.close()
            return silence, voice

        silence, voice = vivavoce_loaded.run(listen())
        assert all(0 <= probability <= 1 for probability in silence + voice)
        assert max(silence) < self.threshold < max(voice)

    def test_two_sessions_at_once_do_not_mix(self, vivavoce_loaded: LoadedEngine) -> None:
        rate = vivavoce_loaded.offer.capabilities.sample_rate_hz

        async def listen() -> tuple[list[float], list[float]]:
            silent, voiced = await vivavoce_loaded.session(), await vivavoce_loaded.session()
            async with asyncio.TaskGroup() as group:
                silence = group.create_task(self.judge(vivavoce_loaded, silent, AudioChunk.silence(1000, rate)))
                voice = group.create_task(self.judge(vivavoce_loaded, voiced, self.make_sound(rate)))
            await silent.close()
            await voiced.close()
            return silence.result(), voice.result()

        silence, voice = vivavoce_loaded.run(listen())
        assert max(silence) < self.threshold < max(voice)


class TurnDetectorConformance(EngineConformance):
    """What every turn detector does; whether its judgement is good is for its own tests."""

    kind = Kind.TURN_DETECTOR
    capabilities_type = TurnDetectorCapabilities

    def test_gives_probabilities_for_any_length(self, vivavoce_loaded: LoadedEngine) -> None:
        capabilities = vivavoce_loaded.offer.capabilities
        rate = capabilities.sample_rate_hz
        turns = [
            AudioChunk(b"", rate),
            AudioChunk.silence(20, rate),
            speech_clip(1000, rate),
            AudioChunk.silence(capabilities.max_audio_ms, rate),
        ]

        async def judge() -> list[float]:
            session = await vivavoce_loaded.session()
            probabilities = [await session.probability(turn) for turn in turns]
            await session.close()
            return probabilities

        assert all(0 <= probability <= 1 for probability in vivavoce_loaded.run(judge()))

    def test_same_turn_same_judgement_in_two_sessions_at_once(self, vivavoce_loaded: LoadedEngine) -> None:
        turn = speech_clip(1000, vivavoce_loaded.offer.capabilities.sample_rate_hz)

        async def judge() -> list[float]:
            sessions = [await vivavoce_loaded.session() for _ in range(2)]
            probabilities = await asyncio.gather(*(session.probability(turn) for session in sessions))
            for session in sessions:
                await session.close()
            return probabilities

        first, second = vivavoce_loaded.run(judge())
        assert abs(first - second) < 0.01
