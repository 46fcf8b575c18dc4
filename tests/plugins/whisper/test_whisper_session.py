"""One conversation's session: which passes run, and what is told when. The model is a stub."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from vivavoce_whisper.engine import WhisperEngine

from vivavoce_api import AudioChunk, EngineError, EngineUnavailableError, Flush, SessionContext, Transcript


class Talk:
    """A conversation with one utterance, driven step by step."""

    def __init__(self, engine: WhisperEngine) -> None:
        self._engine = engine
        self._audio: asyncio.Queue[AudioChunk | Flush | None] = asyncio.Queue()
        self.heard: asyncio.Queue[Transcript] = asyncio.Queue()

    async def __aenter__(self) -> Talk:
        self.session = await self._engine.open_session(SessionContext("test"))
        self.listening = asyncio.create_task(self._listen())
        return self

    async def __aexit__(self, *_: object) -> None:
        self.listening.cancel()
        await asyncio.gather(self.listening, return_exceptions=True)
        await self.session.close()

    async def say(self, duration_ms: int, chunk_ms: int = 20) -> None:
        """Speak, and let everything that this sets off come to rest."""
        for _ in range(duration_ms // chunk_ms):
            self._audio.put_nowait(AudioChunk.silence(chunk_ms, 16_000))
        await self._settle()

    async def flush(self) -> None:
        self._audio.put_nowait(Flush())
        await self._settle()

    async def end(self) -> None:
        self._audio.put_nowait(None)
        await self._settle()

    async def _settle(self) -> None:
        await self._audio.join()
        for _ in range(5):
            await asyncio.sleep(0)

    async def _listen(self) -> None:
        async for transcript in self.session.transcribe(self._incoming()):
            self.heard.put_nowait(transcript)

    async def _incoming(self) -> AsyncIterator[AudioChunk | Flush]:
        while (item := await self._audio.get()) is not None:
            yield item
            self._audio.task_done()
        self._audio.task_done()


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 10))


def test_a_partial_for_each_500_ms_and_then_a_final(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(480)
            assert decoder.idle
            await talk.say(20)
            (await decoder.begun()).finish("we")
            assert await talk.heard.get() == Transcript("we", 500)
            await talk.say(500)
            (await decoder.begun()).finish("we asked")
            assert await talk.heard.get() == Transcript("we asked", 1000)
            await talk.say(100)
            await talk.end()
            (await decoder.begun()).finish("we asked them")
            assert await talk.heard.get() == Transcript("we asked them", 1100, final=True)
            await talk.listening

    run(scenario())


def test_each_transcript_has_what_its_pass_found_of_the_sentences_end(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            (await decoder.begun()).finish("yes", end_of_turn=0.9)
            assert await talk.heard.get() == Transcript("yes", 300, end_of_turn=0.9)
            await talk.say(100)
            await talk.end()
            (await decoder.begun()).finish("yes but", end_of_turn=0.1)
            assert await talk.heard.get() == Transcript("yes but", 400, final=True, end_of_turn=0.1)

    run(scenario())


def test_other_cadence(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine(partial_every_ms=200)) as talk:
            await talk.say(200)
            assert (await decoder.begun()).audio_ms == 200

    run(scenario())


def test_a_late_partial_covers_all_audio_that_came_meanwhile(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(500)
            slow = await decoder.begun()
            await talk.say(1700)
            assert decoder.idle
            slow.finish("we")
            assert await talk.heard.get() == Transcript("we", 500)
            assert (await decoder.begun()).audio_ms == 2200

    run(scenario())


def test_flush_starts_a_pass_at_once(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            (await decoder.begun()).finish("yes")
            assert await talk.heard.get() == Transcript("yes", 300)

    run(scenario())


def test_flush_supersedes_a_partial_that_is_running(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(500)
            partial = await decoder.begun()
            await talk.say(40)
            await talk.flush()
            assert not partial.is_wanted()
            partial.step()
            urgent = await decoder.begun()
            assert urgent.audio_ms == 540
            urgent.finish("yes")
            assert await talk.heard.get() == Transcript("yes", 540)
            assert talk.heard.empty()

    run(scenario())


def test_a_flush_supersedes_one_that_is_in_its_first_step(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(200)
            await talk.flush()
            closure = await decoder.begun()
            await talk.say(60)
            await talk.flush()
            closure.step()
            end = await decoder.begun()
            assert end.audio_ms == 260
            end.finish("well yes")
            assert await talk.heard.get() == Transcript("well yes", 260)
            assert talk.heard.empty()

    run(scenario())


def test_a_flush_waits_for_one_that_is_beyond_its_first_step(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(200)
            await talk.flush()
            running = await decoder.begun()
            await running.stepped()
            await talk.say(60)
            await talk.flush()
            running.finish("well")
            assert await talk.heard.get() == Transcript("well", 200)
            (await decoder.begun()).finish("well yes")
            assert await talk.heard.get() == Transcript("well yes", 260)
            assert decoder.idle

    run(scenario())


def test_flushes_in_a_row_are_answered_by_the_second(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(200)
            await talk.flush()
            first = await decoder.begun()
            await talk.say(20)
            await talk.flush()
            first.step()
            second = await decoder.begun()
            for _ in range(3):
                await talk.say(20)
                await talk.flush()
            second.finish("well")
            assert await talk.heard.get() == Transcript("well", 220)
            (await decoder.begun()).finish("well yes")
            assert await talk.heard.get() == Transcript("well yes", 280)
            assert decoder.idle

    run(scenario())


def test_after_an_answered_flush_the_final_is_the_same_text_without_a_pass(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            (await decoder.begun()).finish("yes")
            assert not (await talk.heard.get()).final
            await talk.end()
            assert await talk.heard.get() == Transcript("yes", 300, final=True)
            assert decoder.idle

    run(scenario())


def test_a_flush_that_is_being_answered_becomes_the_final(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            running = await decoder.begun()
            await talk.end()
            running.finish("yes")
            assert await talk.heard.get() == Transcript("yes", 300, final=True)
            assert decoder.idle

    run(scenario())


def test_a_second_flush_without_new_audio_repeats_the_answer(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            (await decoder.begun()).finish("yes")
            first = await talk.heard.get()
            await talk.flush()
            assert await talk.heard.get() == first
            assert decoder.idle

    run(scenario())


def test_the_final_supersedes_an_outdated_flush(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(300)
            await talk.flush()
            outdated = await decoder.begun()
            await talk.say(100)
            await talk.end()
            assert not outdated.is_wanted()
            outdated.step()
            (await decoder.begun()).finish("yes indeed")
            assert await talk.heard.get() == Transcript("yes indeed", 400, final=True)

    run(scenario())


def test_no_audio_ends_with_an_empty_final_without_a_pass(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.flush()
            assert await talk.heard.get() == Transcript("", 0)
            await talk.end()
            assert await talk.heard.get() == Transcript("", 0, final=True)
            assert decoder.idle

    run(scenario())


def test_settled_audio_is_not_decoded_again_and_its_text_stays(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine(partial_every_ms=10_000)) as talk:
            await talk.say(10_000)
            (await decoder.begun()).finish("and so on", settled_text="Once upon a time", settled_samples=6000 * 16)
            assert await talk.heard.get() == Transcript("Once upon a time and so on", 10_000)
            await talk.say(500)
            await talk.end()
            last = await decoder.begun()
            assert last.audio_ms == 4500
            last.finish("and so forth")
            assert await talk.heard.get() == Transcript("Once upon a time and so forth", 10_500, final=True)

    run(scenario())


def test_cancelling_gives_up_the_pass_and_leaves_the_session_usable(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(500)
            given_up = await decoder.begun()
            talk.listening.cancel()
            await asyncio.gather(talk.listening, return_exceptions=True)
            assert not given_up.is_wanted()
            given_up.step()
            talk.listening = asyncio.create_task(talk._listen())
            await talk.say(200)
            await talk.end()
            (await decoder.begun()).finish("again")
            assert await talk.heard.get() == Transcript("again", 200, final=True)

    run(scenario())


def test_cancelling_ends_the_reading_of_the_audio(decoder, make_engine) -> None:
    async def scenario() -> None:
        before = asyncio.all_tasks()
        async with Talk(make_engine()) as talk:
            await talk.say(100)
        assert asyncio.all_tasks() == before

    run(scenario())


def test_closing_the_session_ends_its_transcription(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(500)
            running = await decoder.begun()
            await talk.session.close()
            with pytest.raises(EngineUnavailableError, match="closed"):
                await talk.listening
            assert not running.is_wanted()
            running.step()

    run(scenario())


def test_an_error_of_the_model_reaches_the_turn_and_not_the_next(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            await talk.say(100)
            await talk.end()
            (await decoder.begun()).fail(RuntimeError("CUDA out of memory"))
            with pytest.raises(EngineError, match="CUDA out of memory"):
                await talk.listening
            talk.listening = asyncio.create_task(talk._listen())
            await talk.say(100)
            await talk.end()
            (await decoder.begun()).finish("fine")
            assert (await talk.heard.get()).text == "fine"

    run(scenario())


def test_other_sample_rates_are_refused(decoder, make_engine) -> None:
    async def scenario() -> None:
        async with Talk(make_engine()) as talk:
            talk._audio.put_nowait(AudioChunk.silence(20, 24_000))
            with pytest.raises(EngineError, match="16000 Hz, got 24000 Hz"):
                await talk.listening

    run(scenario())


def test_closing_the_engine_ends_all_sessions_and_frees_the_model(decoder, make_engine) -> None:
    async def scenario() -> None:
        engine = make_engine()
        async with Talk(engine) as running, Talk(engine) as waiting:
            await running.say(500)
            current = await decoder.begun()
            await waiting.say(500)
            closing = asyncio.create_task(engine.close())
            with pytest.raises(EngineUnavailableError, match="shut down"):
                await waiting.listening
            current.step()
            with pytest.raises(EngineUnavailableError, match="shut down"):
                await running.listening
            await closing
            await engine.close()
            assert decoder.closed.is_set()
        async with Talk(engine) as late:
            await late.say(500)
            with pytest.raises(EngineUnavailableError, match="shut down"):
                await late.listening

    run(scenario())
