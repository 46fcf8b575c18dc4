"""The engine that all conversations share, and one conversation's session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from vivavoce_api import AudioChunk, EngineError, EngineUnavailableError, Flush, SessionContext, Transcript
from vivavoce_whisper.decoder import SAMPLE_RATE_HZ, Decoded
from vivavoce_whisper.pass_queue import Decodes, Lane, Pass, PassQueue
from vivavoce_whisper.utterance import Need, Utterance


class WhisperEngine:
    """A loaded Whisper model. It belongs to no event loop."""

    def __init__(self, decoder: Decodes, *, replicas: int = 1, partial_every_ms: int = 500) -> None:
        self._queue = PassQueue(decoder, replicas)
        self._partial_every_samples = partial_every_ms * SAMPLE_RATE_HZ // 1000

    @property
    def max_sessions(self) -> int | None:
        """No limit: with more conversations partial transcripts become rarer, then final ones later."""
        return None

    async def open_session(self, context: SessionContext) -> WhisperSession:
        """Open a session; costs next to nothing."""
        return WhisperSession(self._queue, self._partial_every_samples)

    async def close(self) -> None:
        """Give up all passes and free the model; waits for a step that is running. Idempotent."""
        await asyncio.to_thread(self._queue.close)


@dataclass(frozen=True, slots=True)
class _Running:
    """The pass that the session waits for, and how much audio it covers.

    `replaces_urgent`: an urgent one that had begun was given up, and none has ended since.
    """

    queued: Pass
    done: asyncio.Future[Decoded]
    samples: int
    replaces_urgent: bool

    @property
    def has_begun(self) -> bool:
        """Whether the model works on it, or has done so."""
        return self.queued.future.running() or self.queued.future.done()

    def yields_to(self, need: Need, *, ended: bool) -> bool:
        """Whether it is given up for `need`.

        What has begun gives way only to something more urgent; and, while it is in its first step, to something as
        urgent that covers more: the end of a word, say, after the closure before it. That once in a row, so that
        somebody with many closures is transcribed meanwhile, too.
        """
        covers_more = self.samples < need.samples
        if not self.has_begun:
            return covers_more or need.urgent > self.queued.urgent
        if not covers_more or not need.urgent:
            return False
        is_early = self.queued.steps <= 1 and not self.replaces_urgent
        return ended or is_early or not self.queued.urgent


class WhisperSession:
    """One conversation's speech-to-text."""

    def __init__(self, queue: PassQueue, partial_every_samples: int) -> None:
        self._queue = queue
        self._lane = Lane()
        self._partial_every_samples = partial_every_samples
        self._running: _Running | None = None
        self._wake = asyncio.Event()
        self._closed = False

    async def transcribe(self, audio: AsyncIterator[AudioChunk | Flush]) -> AsyncIterator[Transcript]:
        """Transcribe one utterance; the contract is `SpeechToTextSession.transcribe`.

        Raises `EngineError`, also for audio that isn't 16 kHz. Cancelling abandons the pass at once; what of
        it runs in the model's thread ends by itself at its next step (encoder, decoder), unheard.
        """
        utterance = Utterance(self._partial_every_samples)
        reader = asyncio.create_task(self._read(audio, utterance))
        reader.add_done_callback(lambda _: self._wake.set())
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                if self._closed:
                    raise EngineUnavailableError("this speech-to-text session is closed", retryable=False)
                if reader.done():
                    reader.result()
                transcript = self._advance(utterance)
                if transcript is not None:
                    yield transcript
                    if transcript.final:
                        return
        finally:
            self._abandon()
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)

    async def close(self) -> None:
        """End the session: its pass is abandoned, and a `transcribe` that still runs raises. Idempotent."""
        self._closed = True
        self._abandon()
        self._wake.set()

    async def _read(self, audio: AsyncIterator[AudioChunk | Flush], utterance: Utterance) -> None:
        async for item in audio:
            if isinstance(item, Flush):
                utterance.flush()
                self._wake.set()
                continue
            if item.sample_rate_hz != SAMPLE_RATE_HZ:
                raise EngineError(f"Whisper takes audio at {SAMPLE_RATE_HZ} Hz, got {item.sample_rate_hz} Hz")
            utterance.add(item.pcm)
            if utterance.need() is not None:
                self._wake.set()
        utterance.ended = True

    def _advance(self, utterance: Utterance) -> Transcript | None:
        """Take what a pass found, start the next one, and say what there is to tell."""
        has_news = self._collect(utterance)
        need = utterance.need()
        if need is not None and (self._running is None or self._running.yields_to(need, ended=utterance.ended)):
            self._start(utterance, urgent=need.urgent)
        answers_flush = utterance.take_flush_answer()
        return utterance.transcript() if has_news or answers_flush or utterance.is_complete else None

    def _collect(self, utterance: Utterance) -> bool:
        if self._running is None or not self._running.done.done():
            return False
        finished, self._running = self._running, None
        utterance.learn(finished.done.result(), finished.samples)
        return True

    def _start(self, utterance: Utterance, *, urgent: bool) -> None:
        running = self._running
        replaces_urgent = running is not None and (
            running.replaces_urgent or (running.queued.urgent and running.has_begun)
        )
        self._abandon()
        queued = self._queue.submit(self._lane, utterance.request(), urgent=urgent)
        done = asyncio.wrap_future(queued.future)
        done.add_done_callback(lambda _: self._wake.set())
        self._running = _Running(queued, done, utterance.samples, replaces_urgent)

    def _abandon(self) -> None:
        if self._running is not None:
            self._running.queued.abandon()
            self._running.done.cancel()
            self._running = None
