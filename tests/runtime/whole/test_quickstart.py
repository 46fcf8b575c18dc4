"""The quickstart agent with its real models, spoken to over the WebSocket in real time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from vivavoce.audio.level import first_audible_ms
from vivavoce.audio.resample import StreamResampler
from vivavoce.wire.client import Container
from vivavoce_api import Catalog, Kind, SessionContext, no_progress
from vivavoce_api.testing import word_error_rate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.mark.parametrize("container", list(Container))
def test_six_speakers_are_understood_and_answered(quickstart, clips, container):
    turns = quickstart.converse(list(clips), container)
    assert [turn.errors for turn in turns] == [[]] * len(clips)
    assert all(first_audible_ms(turn.audio) is not None for turn in turns)
    assert all(turn.reply for turn in turns)
    said, heard = " ".join(clips.values()), " ".join(turn.transcript for turn in turns)
    print(f"word error rate over {container.value}: {word_error_rate(said, heard):.3f}")
    assert word_error_rate(said, heard) < 0.15


def test_the_reply_is_intelligible(quickstart, clips):
    turn = quickstart.converse(list(clips)[:1])[0]
    heard = quickstart.runner.run(transcribed(turn.audio))
    print(f"said: {turn.reply}\nheard: {heard}")
    assert word_error_rate(turn.reply, heard) < 0.25


def test_two_conversations_share_the_engines_and_do_not_mix(quickstart, clips):
    first, second = list(clips)[:2]

    async def both():
        return await asyncio.gather(
            quickstart._converse([first], Container.RAW, ""), quickstart._converse([second], Container.RAW, "")
        )

    (one,), (other,) = quickstart.runner.run(both())
    assert word_error_rate(clips[first], one.transcript) < 0.3
    assert word_error_rate(clips[second], other.transcript) < 0.3


def test_swapping_the_voice_changes_the_voice_and_nothing_else(serve_agent, clips, tmp_path):
    """One line of the YAML: the simulated voice in place of hibari."""
    text = (Path(__file__).parents[3] / "agents/quickstart.yaml").read_text()
    assert "tts: {plugin: hibari}" in text
    agent = tmp_path / "swapped.yaml"
    agent.write_text(text.replace("tts: {plugin: hibari}", "tts: {plugin: simulated}"))
    clip = next(iter(clips))
    turn = serve_agent(agent).converse([clip])[0]
    assert word_error_rate(clips[clip], turn.transcript) < 0.3
    assert turn.reply
    assert first_audible_ms(turn.audio) is not None


async def transcribed(audio):
    """What Whisper hears in `audio`."""
    offer = Catalog.installed().get(Kind.SPEECH_TO_TEXT, "whisper").offer
    engine = await asyncio.to_thread(offer.load, offer.options(), no_progress)
    session = await engine.open_session(SessionContext("listener"))

    async def sound():
        resampler = StreamResampler(audio.sample_rate_hz, 16_000)
        yield resampler.feed(audio)
        yield resampler.flush()

    try:
        return [transcript async for transcript in session.transcribe(sound())][-1].text
    finally:
        await session.close()
        await engine.close()
