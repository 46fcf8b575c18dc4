"""VoXtream's own code, in its environment, with tiny random weights: what it says is noise, how it says it is real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from vivavoce_api import ClientError, EngineBusyError, EngineError, PrerequisiteError, SessionContext

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(900)]

GREETING = "Good morning, my friend. How are you today?"
OTHER = "It costs $5 on the 3rd of May; the fox runs away, 1,234 times, and hides there."
CLIPS = Path(__file__).parents[2] / "data/speech"


async def interrupted(engine, speech, *, after_chunks: int, words: str) -> None:
    """Begin to speak, and be cut off while a chunk is made, or while the generator waits for a word."""
    session = await engine.open_session(SessionContext("cut off"))
    async with aclosing(session.synthesize(speech.text(words, then_wait=True))) as stream:
        for _ in range(after_chunks):
            await anext(stream)
        if not after_chunks:
            waiting = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.2)
            waiting.cancel()
            await asyncio.wait([waiting])
    await session.close()


class Fresh(NamedTuple):
    """An engine whose generator had not spoken yet, what it said first, and its worker."""

    engine: Any
    worker: psutil.Process
    said: bytes


@pytest.fixture(scope="module")
def fresh(runner, engine, isolated, speech) -> Iterator[Fresh]:
    before = set(psutil.Process().children())
    context = isolated()
    other = runner.run(context.__aenter__())
    (worker,) = set(psutil.Process().children()) - before
    yield Fresh(other, worker, speech.pcm(runner.run(speech.said(other, GREETING))))
    runner.run(context.__aexit__(None, None, None))


@pytest.fixture(scope="module")
def spoken_first(fresh) -> bytes:
    """What a fresh generator says first."""
    return fresh.said


def test_after_interruptions_it_speaks_like_a_fresh_generator(runner, engine, speech, spoken_first):
    async def work() -> list[bytes]:
        said = []
        for after_chunks, words in (
            (3, OTHER + " " + OTHER),
            (12, OTHER),
            (0, "I "),
            (1, "And so on and so "),
            (0, " "),
        ):
            await interrupted(engine, speech, after_chunks=after_chunks, words=words)
            said.append(speech.pcm(await speech.said(engine, GREETING)))
        await speech.said(engine, OTHER)
        return [*said, speech.pcm(await speech.said(engine, GREETING))]

    assert len(spoken_first) > 10 * 3840
    assert set(runner.run(work())) == {spoken_first}


def test_the_pieces_of_the_text_do_not_matter(runner, engine, speech, spoken_first):
    said = runner.run(speech.said(engine, *GREETING))
    assert speech.pcm(said) == spoken_first
    assert speech.words(said) == GREETING.split()


def test_another_text_and_another_voice_sound_different(runner, engine, isolated, speech, spoken_first, tmp_path):
    (tmp_path / "bob.wav").write_bytes((CLIPS / "common_voice_en_120405.wav").read_bytes())

    async def work() -> list[bytes]:
        async with isolated(voices=tmp_path, speaking_rate=3) as slow:
            with pytest.raises(ClientError, match="voices to choose from: bob"):
                await speech.said(slow, GREETING, voice="../bob")
            said = [await speech.said(slow, GREETING), await speech.said(slow, GREETING, voice="bob")]
            assert [speech.words(chunks) for chunks in said] == [GREETING.split()] * 2
            return [speech.pcm(chunks) for chunks in (*said, await speech.said(engine, OTHER))]

    sounds = [spoken_first, *runner.run(work())]
    assert len(set(sounds)) == len(sounds)


def test_two_streams_at_a_time_with_the_fused_depth_loop_sound_the_same_and_a_third_waits(
    runner, isolated, speech, spoken_first
):
    async def work() -> None:
        async with isolated(streams=2, fused_depth=True) as engine:
            both = await asyncio.gather(*(speech.said(engine, GREETING) for _ in range(2)))
            assert {speech.pcm(chunks) for chunks in both} == {spoken_first}
            sessions = [await engine.open_session(SessionContext("held")) for _ in range(2)]
            held = [session.synthesize(speech.text("Let me think about that ", then_wait=True)) for session in sessions]
            for stream in held:
                await anext(stream)
            with pytest.raises(EngineBusyError):
                await speech.said(engine, GREETING)
            for stream in held:
                await stream.aclose()
            assert speech.pcm(await speech.said(engine, GREETING)) == spoken_first

    runner.run(work())


def test_a_killed_worker_costs_one_reply(runner, speech, fresh):
    async def work() -> None:
        session = await fresh.engine.open_session(SessionContext("killed"))
        stream = session.synthesize(speech.text(OTHER, then_wait=True))
        await anext(stream)
        fresh.worker.kill()
        with pytest.raises(EngineError):
            async for _ in stream:
                pass
        assert speech.pcm(await persistently(lambda: speech.say(session, GREETING))) == fresh.said

    runner.run(work())


async def persistently(attempt):
    """What comes of it once the engine runs again."""
    async with asyncio.timeout(300):
        while True:
            try:
                return await attempt()
            except EngineError:
                await asyncio.sleep(0.2)


def test_the_published_weights_are_asked_for_and_missed_in_words(runner, isolated, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))

    async def work() -> None:
        async with isolated(model="voxtream2.1"):
            raise AssertionError("loaded without weights")

    with pytest.raises(PrerequisiteError, match=r"model\.safetensors of herimor/voxtream2\.1") as raised:
        runner.run(work())
    assert "vivavoce prepare" in str(raised.value)
