"""A stage on virtual time: a client that speaks by script, and engines that do exactly as told."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from vivavoce.conversation.conversation import Conversation
from vivavoce.conversation.sessions import Sessions
from vivavoce.conversation.settings import ConversationSettings
from vivavoce.conversation.tally import Tally
from vivavoce.conversation.turn import TurnSettings
from vivavoce.conversation.turn_model import STYLES
from vivavoce_api import (
    AudioChunk,
    Flush,
    Message,
    ReplyAudio,
    SpeechChunk,
    SpokenSpan,
    TextDelta,
    Transcript,
    TurnDetectorCapabilities,
    UserTranscript,
)
from vivavoce_api.testing import virtual_time_loop

RATE_HZ = 16_000
WINDOW_MS = 32.0


def sound(kind: str, duration_ms: float) -> AudioChunk:
    """`voice` is loud, so is `hiss`, but no voice to `Vad`; `silence` is zero."""
    sample = {"voice": b"\x00\x20", "hiss": b"\x00\x10"}.get(kind, b"\x00\x00")
    return AudioChunk(sample * round(duration_ms * RATE_HZ / 1000), RATE_HZ)


@dataclass
class Client:
    """Speaks a script of `(kind, duration_ms)` in real time, and notes what it is sent and when (ms)."""

    script: Sequence[tuple[str, Any]]
    sent: list[tuple[float, Any]] = field(default_factory=list)
    on_item: Callable[[Any], None] = lambda item: None

    def now_ms(self) -> float:
        return asyncio.get_running_loop().time() * 1000

    async def incoming(self) -> AsyncIterator[Any]:
        for kind, value in self.script:
            if kind == "item":
                yield value
            elif kind == "nothing":
                await asyncio.sleep(value / 1000)
            else:
                for _ in range(round(value / 20)):
                    await asyncio.sleep(0.020)
                    yield sound(kind, 20)

    async def send(self, item: Any) -> None:
        self.sent.append((self.now_ms(), item))
        self.on_item(item)

    def of(self, kind: type) -> list[Any]:
        return [item for _, item in self.sent if isinstance(item, kind)]

    def times_final(self) -> list[float]:
        return [at for at, item in self.sent if isinstance(item, UserTranscript) and item.final]

    def times(self, kind: type) -> list[float]:
        return [at for at, item in self.sent if isinstance(item, kind)]


class Session:
    async def close(self) -> None:
        pass


class Vad(Session):
    async def probability(self, window: AudioChunk) -> float:
        return 0.99 if window.pcm.count(b"\x20") > window.samples / 2 else 0.01

    def reset(self) -> None:
        pass


@dataclass
class Detector(Session):
    probabilities: list[float]
    looks: int = 0
    shown: AudioChunk | None = None

    async def probability(self, turn: AudioChunk) -> float:
        self.looks += 1
        self.shown = turn
        await asyncio.sleep(0.020)
        return self.probabilities[min(self.looks, len(self.probabilities)) - 1]


@dataclass
class Stt(Session):
    """Turn n says `turns[n]`: words with the millisecond of voice after which each is known.

    It answers each flush, and between them each `partial_every_ms` of sound.
    """

    turns: list[list[tuple[str, float]]]
    pass_ms: float = 30.0
    partial_every_ms: float = math.inf
    error: Exception | None = None
    utterances: int = 0
    end_of_turn: Sequence[float] = ()
    """What it finds at the end of its passes, one after another in each turn."""

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        words = self.turns[min(self.utterances, len(self.turns) - 1)]
        self.utterances += 1
        audio_ms = voiced_ms = asked_ms = 0.0
        passes = 0
        async for item in audio:
            if isinstance(item, AudioChunk):
                audio_ms += item.duration_ms
                voiced_ms += item.duration_ms if item.pcm.count(b"\x20") > item.samples / 2 else 0
                if audio_ms < asked_ms + self.partial_every_ms:
                    continue
            asked_ms = audio_ms
            if self.error is not None:
                raise self.error
            await asyncio.sleep(self.pass_ms / 1000)
            found = self.end_of_turn[min(passes, len(self.end_of_turn) - 1)] if self.end_of_turn else None
            passes += 1
            said = " ".join(w for w, at in words if at <= voiced_ms + 64)
            yield Transcript(said, audio_ms, end_of_turn=found)
        yield Transcript(" ".join(w for w, _ in words), audio_ms, final=True)


@dataclass
class Llm(Session):
    replies: list[Any]
    first_token_ms: float = 25.0
    token_ms: float = 8.0
    asked: list[tuple[float, tuple[Message, ...]]] = field(default_factory=list)
    aborted_at: list[float] = field(default_factory=list)

    @property
    def aborted(self) -> int:
        return len(self.aborted_at)

    async def generate(self, messages: Sequence[Message], tools: Sequence[Any] = ()) -> AsyncIterator[Any]:
        reply = self.replies[min(len(self.asked), len(self.replies) - 1)]
        self.asked.append((asyncio.get_running_loop().time() * 1000, tuple(messages)))
        try:
            await asyncio.sleep(self.first_token_ms / 1000)
            for piece in reply.split(" ") if isinstance(reply, str) else reply:
                if isinstance(piece, Exception):
                    raise piece
                yield TextDelta(piece + " ") if isinstance(piece, str) else piece
                await asyncio.sleep(self.token_ms / 1000)
        except (asyncio.CancelledError, GeneratorExit):
            self.aborted_at.append(asyncio.get_running_loop().time() * 1000)
            raise


@dataclass
class Tts(Session):
    """Each word takes 300 ms, in chunks of 100 ms; the first chunk comes 74 ms after the first word."""

    first_chunk_ms: float = 74.0
    spans: bool = True
    error: Exception | None = None

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        start_ms = 0.0
        async for word in text:
            if self.error is not None:
                raise self.error
            if start_ms == 0.0:
                await asyncio.sleep(self.first_chunk_ms / 1000)
            spans = (SpokenSpan(word.strip(), start_ms, start_ms + 300),) if self.spans else ()
            for index in range(3):
                yield SpeechChunk(sound("voice", 100), spans if index == 0 else ())
            start_ms += 300


@dataclass
class Reader:
    """Judges from the words whether the turn is over."""

    probabilities: dict[str, float]
    asked: list[str] = field(default_factory=list)
    warmed: list[list[str]] = field(default_factory=list)
    takes_ms: float = 30
    asked_at: list[float] = field(default_factory=list)

    async def warm(self, messages: Sequence[Message]) -> None:
        self.warmed.append([message.content for message in messages])

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        self.asked_at.append(asyncio.get_running_loop().time() * 1000)
        await asyncio.sleep(self.takes_ms / 1000)
        self.asked.append(messages[-1].content)
        return self.probabilities.get(messages[-1].content, 0.0)


@dataclass
class Stage:
    stt: Stt = field(default_factory=lambda: Stt([[("hello", 500), ("there", 1000)]]))
    llm: Llm = field(default_factory=lambda: Llm(["One two three four five six seven eight."]))
    tts: Tts = field(default_factory=Tts)
    completeness: Any = None
    detector: Detector | None = field(default_factory=lambda: Detector([0.95]))
    detector_wants: TurnDetectorCapabilities = field(default_factory=lambda: TurnDetectorCapabilities(16_000, 8_000))
    tools: dict[str, Any] = field(default_factory=dict)
    style: str = "eager"
    partials: bool = True
    changes: dict[str, Any] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def settings(self) -> ConversationSettings:
        style = replace(STYLES[self.style], min_ms=120, max_ms=775)
        turn = TurnSettings(style, 32, 60_000, self.partials, WINDOW_MS, self.detector_wants)
        turn = replace(turn, **self.changes.pop("turn", {}))
        settings = ConversationSettings(
            instructions="Be brief.",
            greeting=None,
            turn=turn,
            voice_threshold=0.5,
            speculate_after_ms=64,
            max_speculations=4,
            serial_model=False,
            barge_in=True,
            barge_in_ms=200,
            backchannels=("mhm", "yeah"),
            max_lead_ms=200,
            max_session_s=3600,
            max_reply_s=120,
            max_history_messages=40,
            idle_timeout_s=600,
            window_ms=WINDOW_MS,
            window_bytes=round(WINDOW_MS * 32),
            preroll_windows=10,
        )
        return replace(settings, **self.changes)

    def reads_along(self, probabilities: dict[str, float]) -> Reader:
        """A language model that judges these words from now on, and all others as unfinished."""
        self.completeness = Reader(probabilities)
        return self.completeness

    def play(self, *script: tuple[str, Any], client: Client | None = None) -> Client:
        """Run one conversation of a client that follows `script`; afterwards no task may be left."""
        client = client or Client(script)

        async def converse() -> None:
            sessions = Sessions(Vad(), self.stt, self.llm, self.tts, self.detector, self.completeness, self.tools)
            self.conversation = Conversation(self.settings(), sessions, client, self.tally)
            await self.conversation.run()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
            runner.run(converse())
        return client

    @property
    def said(self) -> list[tuple[str, str]]:
        """The history: (role, content), without the instructions."""
        return [(m.role, m.content) for m in self.conversation._floor.history.messages()[1:]]


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def make_client() -> type[Client]:
    return Client


@pytest.fixture
def audio_times() -> Callable[[Client], list[float]]:
    return lambda client: client.times(ReplyAudio)
