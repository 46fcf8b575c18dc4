"""Text-to-speech that is the first of several that answers."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

from vivavoce.audio.resample import StreamResampler
from vivavoce.fallback.attempts import Attempts
from vivavoce.fallback.continuation import Continuation, SpansOfTheRest, continuation
from vivavoce.fallback.deadline import Deadline
from vivavoce.fallback.members import Member
from vivavoce.fallback.recording import Recording
from vivavoce_api import SpeechChunk, SpokenSpan, TextToSpeechSession, next_clause

MAX_TEXT_CHARS = 65_536
"""Text of a reply that is kept for who takes over: more than an hour of speech."""


class FallbackTextToSpeech:
    """A `TextToSpeechSession`: who takes over says the whole reply, or its rest.

    A voice that fails in the middle of a reply is followed by the next one where both time what they say: it goes on
    after the last word (or clause) that was given whole, at the sample rate of the first. Else the failure is raised.
    """

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """As the contract says. A member's deadline counts from the first clause of the text to the first chunk."""
        reply = _Reply(text)
        async with reply.recording, aclosing(self._attempts.stream(reply)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def close(self) -> None:
        """Close the sessions of all voices."""
        await self._attempts.close()


class _Reply:
    def __init__(self, text: AsyncIterator[str]) -> None:
        self.recording = Recording(text, limit=MAX_TEXT_CHARS, weigh=len, on_item=self._came)
        self._text = ""
        self._given_ms = 0.0
        self._rate_hz = 0
        self._spans: list[SpokenSpan] = []
        self._said_until = 0
        self._is_waiting = False
        self._deadline = Deadline(None)

    @property
    def source_error(self) -> Exception | None:
        return self.recording.error

    def suits(self, member: Member) -> bool:
        if not self.recording.whole:
            return False
        return not self._given_ms or (member.offer.capabilities.spans != "none" and self._rest() is not None)

    def begin(self, session: TextToSpeechSession, member: Member, deadline: Deadline) -> AsyncIterator[SpeechChunk]:
        rest = self._rest() or Continuation(0)
        self._said_until = rest.text_from
        self._deadline = deadline
        self._is_waiting = True
        self._consider_deadline()
        chunks = session.synthesize(self._texts(rest.text_from))
        return self._fitted(chunks, rest.repeated) if self._given_ms else chunks

    def given(self, item: SpeechChunk) -> None:
        self._is_waiting = False
        self._deadline.stop()
        self._given_ms += item.audio.duration_ms
        self._rate_hz = item.audio.sample_rate_hz
        self._spans.extend(item.spans)

    def _rest(self) -> Continuation | None:
        return continuation(self._text, self._spans, self._given_ms)

    def _came(self, piece: str | None) -> None:
        self._text += piece or ""
        self._consider_deadline()

    def _consider_deadline(self) -> None:
        """Start the deadline once there is a clause to be said, or the text has ended."""
        unsaid = self._text[self._said_until :]
        has_words = self.recording.has_ended and any(character.isalnum() for character in unsaid)
        if self._is_waiting and (has_words or next_clause(unsaid, first=True)):
            self._deadline.start()

    async def _texts(self, text_from: int) -> AsyncIterator[str]:
        async for piece in self.recording.replay():
            if text_from < len(piece):
                yield piece[text_from:]
            text_from = max(0, text_from - len(piece))

    async def _fitted(self, chunks: AsyncIterator[SpeechChunk], repeated: int) -> AsyncIterator[SpeechChunk]:
        """Chunks of the rest of the reply, at its sample rate and with its positions."""
        rate_hz, rest = self._rate_hz, SpansOfTheRest(self._given_ms, repeated)
        spans: tuple[SpokenSpan, ...] = ()
        resampler: StreamResampler | None = None
        async with aclosing(chunks):  # type: ignore[type-var]
            async for chunk in chunks:
                resampler = resampler or StreamResampler(chunk.audio.sample_rate_hz, rate_hz)
                audio, spans = resampler.feed(chunk.audio), (*spans, *rest.fit(chunk.spans))
                if audio.samples:
                    yield SpeechChunk(audio, spans)
                    spans = ()
        if resampler is not None and (audio := resampler.flush()).samples:
            yield SpeechChunk(audio, spans)
