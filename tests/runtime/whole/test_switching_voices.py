"""One line of an agent's YAML chooses the voice: the same conversation is held with each, and nothing else changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from vivavoce.agent import Agent
from vivavoce.audio.files import read_audio
from vivavoce.audio.level import first_audible_ms
from vivavoce.audio.resample import StreamResampler
from vivavoce_api import (
    INPUT_SAMPLE_RATE_HZ,
    AudioChunk,
    ErrorNotice,
    ReplyAudio,
    ReplyEnded,
    UserTranscript,
)
from vivavoce_api.testing import virtual_time_loop

ROOT = Path(__file__).parents[3]
CLIP = sorted((ROOT / "tests/data/speech").glob("*.wav"))[0]
VOICE_LINE = "tts: {plugin: voxtream}"
YAML = f"""\
name: same
instructions: Be kind.
greeting: Hello there, my friend.
stt: {{plugin: simulated}}
llm: {{plugin: simulated, reply: "I see. Tell me a little more about that, please."}}
{VOICE_LINE}
"""


@asynccontextmanager
async def nothing_else(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A voice that needs no server."""
    yield


@asynccontextmanager
async def rime_server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """A stand-in at Rime's address."""
    monkeypatch.syspath_prepend(str(ROOT / "tests/plugins/rime"))
    from rime_stand_in import KEY, StandIn

    async with StandIn() as stand_in:
        monkeypatch.setattr("vivavoce_rime.ws3.URL", stand_in.options()["url"])
        monkeypatch.setenv("RIME_API_KEY", KEY)
        yield


Surroundings = Callable[[pytest.MonkeyPatch], AbstractAsyncContextManager[None]]

VOICES: dict[str, Surroundings] = {
    "{plugin: simulated}": nothing_else,
    "{plugin: hibari}": nothing_else,
    "{plugin: rime}": rime_server,
}
"""What the line says, and what has to be there for it. A further voice is one entry more."""

VOXTREAM = "{plugin: voxtream, model: random-tiny, voice: anna.wav}"
"""Its speech is noise; it runs in worker processes, whose clock is the real one."""


class Caller:
    """A client that lets the agent greet, says a clip, hears the answer out and leaves."""

    def __init__(self) -> None:
        self.transcripts: list[str] = []
        self.replies: list[str] = []
        self.errors: list[str] = []
        self.sound: list[AudioChunk] = [AudioChunk(b"", INPUT_SAMPLE_RATE_HZ)]
        self._ended = asyncio.Event()

    async def incoming(self) -> AsyncIterator[AudioChunk]:
        async for chunk in self._until_ended():
            yield chunk
        resampler = StreamResampler((clip := read_audio(CLIP)).sample_rate_hz, INPUT_SAMPLE_RATE_HZ)
        said = AudioChunk(resampler.feed(clip).pcm + resampler.flush().pcm, INPUT_SAMPLE_RATE_HZ)
        for start_ms in range(0, round(said.duration_ms), 20):
            await asyncio.sleep(0.020)
            yield said.slice_ms(start_ms, start_ms + 20)
        async for chunk in self._until_ended():
            yield chunk

    async def _until_ended(self) -> AsyncIterator[AudioChunk]:
        self._ended.clear()
        while not self._ended.is_set():
            await asyncio.sleep(0.020)
            yield AudioChunk.silence(20, INPUT_SAMPLE_RATE_HZ)

    async def send(self, item: Any) -> None:
        match item:
            case ReplyAudio():
                self.sound.append(item.audio)
            case UserTranscript(final=True):
                self.transcripts.append(item.text)
            case ErrorNotice():
                self.errors.append(item.message)
            case ReplyEnded():
                self.replies.append(item.heard)
                self._ended.set()


async def hold(agent: Agent) -> Caller:
    caller = Caller()
    try:
        await agent.load()
        async with asyncio.timeout(120):
            await agent.converse(caller, {})
    finally:
        await agent.close()
    return caller


@pytest.mark.parametrize("voice", VOICES)
def test_same_conversation_with_another_voice(
    voice: str, load_or_skip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check(held(voice, VOICES[voice], virtual_time_loop, load_or_skip, tmp_path, monkeypatch))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_from_voxtream_to_rime_only_that_line_changes(
    load_or_skip: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "anna.wav").write_bytes(CLIP.read_bytes())
    for voice, surroundings in ((VOXTREAM, nothing_else), ("{plugin: rime}", rime_server)):
        check(held(voice, surroundings, asyncio.new_event_loop, load_or_skip, tmp_path, monkeypatch))


def held(
    voice: str,
    surroundings: Surroundings,
    loop_factory: Callable[[], asyncio.AbstractEventLoop],
    load_or_skip: Any,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Caller:
    """The conversation with this voice."""
    path = folder / "agent.yaml"
    path.write_text(YAML.replace(VOICE_LINE, f"tts: {voice}"))
    definition = load_or_skip(path)

    async def whole() -> Caller:
        async with surroundings(monkeypatch):
            return await hold(Agent(definition))

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(whole())


def check(caller: Caller) -> None:
    """It went as it should."""
    assert caller.errors == []
    assert caller.transcripts == ["Hello there."]
    assert caller.replies == ["Hello there, my friend.", "I see. Tell me a little more about that, please."]
    rates = {chunk.sample_rate_hz for chunk in caller.sound[1:]}
    assert len(rates) == 1
    assert first_audible_ms(AudioChunk(b"".join(chunk.pcm for chunk in caller.sound), rates.pop())) is not None
