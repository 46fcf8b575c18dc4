"""Speech-to-text that is the first of several that answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace

from vivavoce.fallback.attempts import Attempts
from vivavoce.fallback.deadline import Deadline
from vivavoce.fallback.members import Member
from vivavoce.fallback.recording import Recording
from vivavoce_api import AudioChunk, EngineError, Flush, SpeechToTextSession, Transcript

ROUNDING_MS = 1.0


class FallbackSpeechToText:
    """A `SpeechToTextSession`: who takes over gets all audio of the utterance, then what is still to come.

    `max_audio_ms` of it are kept; in a longer utterance nobody can take over. With `answers_flushes`, members without
    partial transcripts answer a flush, too: by a pass over all audio so far.
    """

    def __init__(self, attempts: Attempts, max_audio_ms: float, *, answers_flushes: bool) -> None:
        self._attempts = attempts
        self._max_audio_ms = max_audio_ms
        self._answers_flushes = answers_flushes

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """As the contract says. A member's deadline counts from a flush, or the end of the audio, to its answer."""
        utterance = _Utterance(audio, self._max_audio_ms, self._answers_flushes)
        async with utterance.recording, aclosing(self._attempts.stream(utterance)) as transcripts:
            async for transcript in transcripts:
                yield transcript

    async def close(self) -> None:
        """Close the sessions of all members."""
        await self._attempts.close()


class _Utterance:
    def __init__(self, audio: AsyncIterator[AudioChunk | Flush], max_audio_ms: float, answers_flushes: bool) -> None:
        self.recording = Recording(audio, limit=max_audio_ms, weigh=_duration_ms, on_item=self._came)
        self._answers_flushes = answers_flushes
        self._deadline = Deadline(None)
        self._audio_ms = 0.0
        self._covered_ms = 0.0
        self._asked_ms: float | None = None
        self._flushes = 0

    @property
    def source_error(self) -> Exception | None:
        return self.recording.error

    def suits(self, member: Member) -> bool:
        return self.recording.whole

    async def begin(
        self, session: SpeechToTextSession, member: Member, deadline: Deadline
    ) -> AsyncIterator[Transcript]:
        self._deadline = deadline
        self._consider_deadline()
        answers_by_itself = member.offer.capabilities.partials or not self._answers_flushes
        transcribe = session.transcribe if answers_by_itself else _Passes(session).transcribe
        is_final = False
        async with aclosing(transcribe(self._sound())) as transcripts:  # type: ignore[type-var]
            async for transcript in transcripts:
                is_final = transcript.final
                if is_final or transcript.audio_ms >= self._covered_ms:
                    yield transcript
        if not is_final:
            raise EngineError("speech-to-text ended without a final transcript")

    def given(self, item: Transcript) -> None:
        self._covered_ms = item.audio_ms
        if self._asked_ms is not None and item.audio_ms + ROUNDING_MS >= self._asked_ms:
            self._asked_ms = None
        self._deadline.stop()  # any transcript is a sign of life
        self._consider_deadline()

    def _came(self, item: AudioChunk | Flush | None) -> None:
        """Audio, a flush, or the end came."""
        if isinstance(item, AudioChunk):
            self._audio_ms += item.duration_ms
            return
        self._flushes += item is not None
        self._asked_ms = self._audio_ms
        self._consider_deadline()

    def _consider_deadline(self) -> None:
        if self._asked_ms is not None:
            self._deadline.start()

    async def _sound(self) -> AsyncIterator[AudioChunk | Flush]:
        """The audio from its beginning, without flushes that a later one has made idle."""
        flushes = 0
        async for item in self.recording.replay():
            if isinstance(item, Flush):
                flushes += 1
                if flushes < self._flushes:
                    continue
            yield item


class _Passes:
    """Answers a flush with a whole transcription of the audio so far, by a session that only knows finals."""

    def __init__(self, session: SpeechToTextSession) -> None:
        self._session = session

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        chunks: list[AudioChunk] = []
        newest: tuple[int, Transcript] | None = None
        async for item in audio:
            if isinstance(item, AudioChunk):
                chunks.append(item)
                continue
            newest = (len(chunks), await self._transcript(chunks))
            yield replace(newest[1], final=False)
        yield newest[1] if newest and newest[0] == len(chunks) else await self._transcript(chunks)

    async def _transcript(self, chunks: list[AudioChunk]) -> Transcript:
        async with aclosing(self._session.transcribe(_all(chunks))) as transcripts:  # type: ignore[type-var]
            async for transcript in transcripts:
                if transcript.final:
                    return transcript
        raise EngineError("speech-to-text ended without a final transcript")


async def _all(chunks: list[AudioChunk]) -> AsyncIterator[AudioChunk | Flush]:
    for chunk in list(chunks):
        yield chunk


def _duration_ms(item: AudioChunk | Flush) -> float:
    return item.duration_ms if isinstance(item, AudioChunk) else 0.0
