"""One turn of conversation from a sound file, through the same pipeline as any client's, in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from vivavoce.agent import Agent
from vivavoce.audio.files import read_audio, write_wav
from vivavoce.audio.level import first_audible_ms, last_voiced_ms
from vivavoce_api import (
    INPUT_SAMPLE_RATE_HZ,
    AudioChunk,
    ConfigurationError,
    EngineError,
    EngineTimeoutError,
    ErrorNotice,
    Incoming,
    Outgoing,
    ReplyAudio,
    ReplyEnded,
    TurnLatency,
    UserTranscript,
)

PACKET_MS = 20
ANSWER_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class TalkResult:
    """What was heard, what was answered, and when.

    Both clocks start at the last voiced sample of the question. `voice_to_voice_ms` ends at the first audible
    sample of the reply as the client receives it; `stages_ms` are the server's own marks on the way.
    """

    transcript: str
    reply: str
    voice_to_voice_ms: float
    stages_ms: dict[str, float]


async def hold_turn(
    agent: Agent, question: Path, out: Path | None = None, parameters: Mapping[str, str] | None = None
) -> TalkResult:
    """Say `question` to a loaded agent and wait for the end of its reply; write the reply's sound to `out`.

    `parameters` are those that a client has in its address. Raises `ConfigurationError` for a file without speech,
    `ClientError` for a parameter that an engine refuses, `EngineError` when the turn fails. Cancelling ends the
    conversation.
    """
    audio = await asyncio.to_thread(read_audio, question)
    voiced_until_ms = last_voiced_ms(audio)
    if not voiced_until_ms:
        raise ConfigurationError(f"{question} holds nothing but silence")
    speaker = _Speaker(audio, greeted=agent.definition.greeting is None)
    await agent.converse(speaker, parameters or {})
    if speaker.error is not None:
        raise EngineError(speaker.error.message, retryable=speaker.error.retryable)
    if speaker.latency is None or speaker.audible_at is None:
        raise EngineError("the agent did not answer: it heard no words in the question")
    if out is not None:
        await asyncio.to_thread(write_wav, out, speaker.sound())
    voiced_end = speaker.began_at + voiced_until_ms / 1000
    shift_ms = (speaker.audible_at - voiced_end) * 1000 - speaker.latency.voice_to_voice_ms
    return TalkResult(
        speaker.transcript,
        speaker.reply,
        (speaker.audible_at - voiced_end) * 1000,
        {stage: at_ms + shift_ms for stage, at_ms in speaker.latency.stages_ms.items()},
    )


@dataclass
class _Speaker:
    """A client that lets the agent greet, says its question once, and listens until the reply has ended."""

    question: AudioChunk
    greeted: bool
    transcript: str = ""
    reply: str = ""
    began_at: float = 0.0
    audible_at: float | None = None
    latency: TurnLatency | None = None
    error: ErrorNotice | None = None
    packets: list[AudioChunk] = field(default_factory=list)
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def incoming(self) -> AsyncIterator[Incoming]:
        silence = AudioChunk.silence(PACKET_MS, INPUT_SAMPLE_RATE_HZ)
        clock = _Metronome()
        while not self.greeted:
            yield await clock.after(silence)
        self.began_at = clock.next_at
        for start_ms in range(0, int(self.question.duration_ms), PACKET_MS):
            yield await clock.after(self.question.slice_ms(start_ms, start_ms + PACKET_MS))
        answered_by = clock.next_at + ANSWER_TIMEOUT_S
        while not self.done.is_set():
            if self.latency is None and clock.next_at > answered_by:
                raise EngineTimeoutError(f"the agent did not answer within {ANSWER_TIMEOUT_S:.0f} s")
            yield await clock.after(silence)

    async def send(self, item: Outgoing) -> None:
        if isinstance(item, ReplyEnded) and not self.greeted:
            self.greeted = True
        elif not self.began_at:
            return
        elif isinstance(item, ReplyAudio):
            self._hear(item.audio)
        elif isinstance(item, UserTranscript) and item.final:
            self.transcript = f"{self.transcript} {item.text}".strip()
        elif isinstance(item, TurnLatency):
            self.latency = item
        elif isinstance(item, ErrorNotice):
            self.error = item
            self.done.set()
        elif isinstance(item, ReplyEnded):
            self.reply = f"{self.reply} {item.heard}".strip()
            self.done.set()

    def _hear(self, audio: AudioChunk) -> None:
        self.packets.append(audio)
        offset_ms = first_audible_ms(audio) if self.audible_at is None else None
        if offset_ms is not None:
            self.audible_at = asyncio.get_running_loop().time() + offset_ms / 1000

    def sound(self) -> AudioChunk:
        """All of the reply."""
        return AudioChunk(b"".join(packet.pcm for packet in self.packets), self.packets[0].sample_rate_hz)


class _Metronome:
    """Hands out audio at the moment at which its last sample would have been recorded."""

    def __init__(self) -> None:
        self.next_at = asyncio.get_running_loop().time()

    async def after(self, audio: AudioChunk) -> AudioChunk:
        self.next_at += audio.duration_ms / 1000
        await asyncio.sleep(self.next_at - asyncio.get_running_loop().time())
        return audio
