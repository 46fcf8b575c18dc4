"""Conformance of speech-to-text engines."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from vivavoce_api.audio import AudioChunk
from vivavoce_api.offers import Kind
from vivavoce_api.speech_to_text import Flush, SpeechToTextCapabilities, Transcript
from vivavoce_api.testing.cancellation import collect, end_after_close, first, timed_stop
from vivavoce_api.testing.engine import EngineConformance, LoadedEngine
from vivavoce_api.testing.sound import read_wav, speech_clip
from vivavoce_api.word_errors import word_error_rate

CHUNK_MS = 20
LONG_MS = 40_000


def in_chunks(audio: AudioChunk) -> list[AudioChunk]:
    """The audio in 20 ms chunks."""
    return [audio.slice_ms(ms, ms + CHUNK_MS) for ms in range(0, int(audio.duration_ms), CHUNK_MS)]


async def heard(items: Sequence[AudioChunk | Flush], then_wait: bool = False) -> AsyncIterator[AudioChunk | Flush]:
    """An utterance as the runtime sends it, only faster; with `then_wait` it never ends."""
    for item in items:
        await asyncio.sleep(0)
        yield item
    if then_wait:
        await asyncio.Event().wait()


class SpeechToTextConformance(EngineConformance):
    """What every speech-to-text engine does.

    `speech` is a WAV at the engine's sample rate, `reference` what is said in it; without them a synthetic sound
    without words is used, and what is recognised is not judged.
    """

    kind = Kind.SPEECH_TO_TEXT
    capabilities_type = SpeechToTextCapabilities
    speech: ClassVar[Path | None] = None
    reference: ClassVar[str | None] = None
    max_word_error_rate: ClassVar[float] = 0.2

    def clip(self, loaded: LoadedEngine) -> AudioChunk:
        """The sound that is transcribed."""
        rate = loaded.offer.capabilities.sample_rate_hz
        if self.speech is None:
            return speech_clip(sample_rate_hz=rate)
        audio = read_wav(self.speech)
        assert audio.sample_rate_hz == rate, f"{self.speech.name} must have {rate} Hz"
        return audio

    def transcribe(self, loaded: LoadedEngine, items: Sequence[AudioChunk | Flush]) -> list[Transcript]:
        """All transcripts of one utterance, in a session of its own."""

        async def one_utterance() -> list[Transcript]:
            session = await loaded.session()
            try:
                return await collect(session.transcribe(heard(items)))
            finally:
                await session.close()

        transcripts = loaded.run(one_utterance())
        self.check_order(loaded, transcripts)
        return transcripts

    def check_order(self, loaded: LoadedEngine, transcripts: Sequence[Transcript]) -> None:
        """Exactly one final, at the end; each covers no less audio than the one before; opinions are probabilities."""
        assert [transcript.final for transcript in transcripts] == [False] * (len(transcripts) - 1) + [True]
        covered = [transcript.audio_ms for transcript in transcripts]
        assert covered == sorted(covered)
        assert all(transcript.text == transcript.text.strip() for transcript in transcripts)
        assert all(0 <= transcript.end_of_turn <= 1 for transcript in transcripts if transcript.end_of_turn is not None)
        if not loaded.offer.capabilities.partials:
            assert len(transcripts) == 1, "partial transcripts from an engine that states none"

    def test_one_final_covers_the_whole_utterance(self, vivavoce_loaded: LoadedEngine) -> None:
        audio = self.clip(vivavoce_loaded)
        final = self.transcribe(vivavoce_loaded, in_chunks(audio))[-1]
        assert final.audio_ms == pytest.approx(audio.duration_ms, abs=CHUNK_MS)
        if self.reference is not None:
            assert word_error_rate(self.reference, final.text) <= self.max_word_error_rate, final.text

    def test_flush_is_answered_and_the_final_says_the_same(self, vivavoce_loaded: LoadedEngine) -> None:
        if not vivavoce_loaded.offer.capabilities.partials:
            pytest.skip("the offer states no partial transcripts")
        audio = self.clip(vivavoce_loaded)
        end = asyncio.Event()

        async def utterance() -> AsyncIterator[AudioChunk | Flush]:
            for item in [*in_chunks(audio), Flush()]:
                yield item
            await end.wait()

        async def listen() -> list[Transcript]:
            session = await vivavoce_loaded.session()
            loop, began_s, transcripts = asyncio.get_running_loop(), 0.0, []
            began_s = loop.time()
            async for transcript in session.transcribe(utterance()):
                transcripts.append(transcript)
                if not end.is_set() and transcript.audio_ms >= audio.duration_ms - CHUNK_MS:
                    vivavoce_loaded.report("flush to transcript", (loop.time() - began_s) * 1000)
                    assert not transcript.final
                    end.set()
            await session.close()
            return transcripts

        transcripts = vivavoce_loaded.run(listen())
        self.check_order(vivavoce_loaded, transcripts)
        assert transcripts[-1].text == transcripts[-2].text

    def test_no_audio_gives_an_empty_final(self, vivavoce_loaded: LoadedEngine) -> None:
        assert [transcript.text for transcript in self.transcribe(vivavoce_loaded, [])] == [""]

    def test_silence_ends_with_a_final(self, vivavoce_loaded: LoadedEngine) -> None:
        silence = AudioChunk.silence(2000, vivavoce_loaded.offer.capabilities.sample_rate_hz)
        assert self.transcribe(vivavoce_loaded, in_chunks(silence))[-1].audio_ms == pytest.approx(2000, abs=CHUNK_MS)

    def test_long_utterance(self, vivavoce_loaded: LoadedEngine) -> None:
        audio = self.clip(vivavoce_loaded)
        pause = AudioChunk.silence(500, audio.sample_rate_hz)
        times = int(LONG_MS // (audio.duration_ms + pause.duration_ms)) + 1
        long = AudioChunk((audio.pcm + pause.pcm) * times, audio.sample_rate_hz)
        final = self.transcribe(vivavoce_loaded, in_chunks(long))[-1]
        assert final.audio_ms == pytest.approx(long.duration_ms, abs=CHUNK_MS)

    def test_two_sessions_at_once_do_not_mix(self, vivavoce_loaded: LoadedEngine) -> None:
        audio = self.clip(vivavoce_loaded)
        silence = AudioChunk.silence(1000, audio.sample_rate_hz)

        async def listen_together() -> list[list[Transcript]]:
            sessions = [await vivavoce_loaded.session() for _ in range(2)]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(collect(session.transcribe(heard(in_chunks(sound)))))
                    for session, sound in zip(sessions, (audio, silence), strict=True)
                ]
            for session in sessions:
                await session.close()
            return [task.result() for task in tasks]

        of_speech, of_silence = vivavoce_loaded.run(listen_together())
        self.check_order(vivavoce_loaded, of_speech)
        self.check_order(vivavoce_loaded, of_silence)
        assert of_speech[-1].audio_ms == pytest.approx(audio.duration_ms, abs=CHUNK_MS)
        assert of_silence[-1].audio_ms == pytest.approx(1000, abs=CHUNK_MS)
        if self.reference is not None:
            assert word_error_rate(self.reference, of_speech[-1].text) <= self.max_word_error_rate
            assert word_error_rate(self.reference, of_silence[-1].text) > self.max_word_error_rate

    @pytest.mark.parametrize("by_cancelling", [True, False], ids=["cancelled", "closed"])
    @pytest.mark.parametrize("ended", [True, False], ids=["at the end", "while speaking"])
    def test_cancelling(self, vivavoce_loaded: LoadedEngine, by_cancelling: bool, ended: bool) -> None:
        if not (by_cancelling or ended or vivavoce_loaded.offer.capabilities.partials):
            pytest.skip("the offer states no partial transcripts, after which it could be closed")
        audio = self.clip(vivavoce_loaded)

        async def interrupt() -> list[Transcript]:
            session = await vivavoce_loaded.session()
            await timed_stop(
                lambda: session.transcribe(heard([*in_chunks(audio), Flush()], then_wait=not ended)),
                self.cancel_limit_ms,
                after_first_item=not by_cancelling,
                by_cancelling=by_cancelling,
                delay_ms=20,
            )
            transcripts = await collect(session.transcribe(heard(in_chunks(audio))))
            await session.close()
            return transcripts

        self.check_order(vivavoce_loaded, vivavoce_loaded.run(interrupt()))

    def test_closing_the_session_ends_what_runs(self, vivavoce_loaded: LoadedEngine) -> None:
        items = in_chunks(self.clip(vivavoce_loaded))

        async def close_early() -> None:
            session = await vivavoce_loaded.session()
            await end_after_close(session.transcribe(heard(items, then_wait=True)), session.close)

        vivavoce_loaded.run(close_early())

    def test_an_error_of_the_audio_comes_through(self, vivavoce_loaded: LoadedEngine) -> None:
        async def broken_audio() -> AsyncIterator[AudioChunk | Flush]:
            yield AudioChunk.silence(100, vivavoce_loaded.offer.capabilities.sample_rate_hz)
            raise LookupError("the line broke")

        async def listen() -> None:
            session = await vivavoce_loaded.session()
            try:
                await collect(session.transcribe(broken_audio()))
            finally:
                await session.close()

        with pytest.raises(LookupError, match="the line broke"):
            vivavoce_loaded.run(listen())

    def test_final_latency(self, vivavoce_loaded: LoadedEngine) -> None:
        audio = self.clip(vivavoce_loaded)

        async def measure() -> Any:
            session = await vivavoce_loaded.session()
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            stream = session.transcribe(heard([audio]))
            transcript = await first(stream)
            while not transcript.final:
                transcript = await first(stream)
            vivavoce_loaded.report(
                f"{audio.duration_ms / 1000:.1f} s of audio to final", (loop.time() - began_s) * 1000
            )
            await stream.aclose()
            await session.close()
            return transcript

        assert vivavoce_loaded.run(measure()).audio_ms == pytest.approx(audio.duration_ms, abs=CHUNK_MS)
