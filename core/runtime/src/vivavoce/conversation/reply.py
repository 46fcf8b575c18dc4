"""A reply: from the language model through text-to-speech to the gate, and from there to the client."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

from vivavoce.conversation.heard import heard_text
from vivavoce.conversation.playout import Playout
from vivavoce.conversation.writing import Draft
from vivavoce_api import (
    Connection,
    EngineError,
    EngineTimeoutError,
    ErrorNotice,
    ReplyText,
    SpeechChunk,
    SpokenSpan,
    TextToSpeechSession,
    VivavoceError,
)

logger = logging.getLogger(__name__)

# Two clocks meet at each of these queues; a reply that is held at the gate fills them and then waits.
TEXT_QUEUE_PIECES = 256
AUDIO_QUEUE_CHUNKS = 64
# Engines have deadlines of their own; this one ends a turn whose engines have none.
SOUND_TIMEOUT_S = 30.0


Writing = Callable[[Draft, asyncio.Event], AsyncIterator[str]]
"""Writes a reply into a draft, streaming its text; the event says that the turn is committed."""


class Reply:
    """One reply. It works at once and lets nothing out before `open`.

    `run` is its whole life; cancelling that task stops everything of it: no packet leaves afterwards.
    """

    def __init__(
        self,
        reply_id: int,
        writing: Writing,
        voice: TextToSpeechSession,
        connection: Connection,
        *,
        max_lead_ms: float,
        max_reply_s: float,
        user_text: str = "",
    ) -> None:
        self.id = reply_id
        self.user_text = user_text
        self.draft = Draft()
        self.playout = Playout(connection, reply_id, max_lead_ms)
        self.transcript_at: float | None = None
        self.first_chunk_at: float | None = None
        self.made_ms = 0.0
        self.error: VivavoceError | None = None
        self.opened = asyncio.Event()
        self.on_audible: Callable[[], Awaitable[None]] = _ignore
        self._writing = writing
        self._voice = voice
        self._connection = connection
        self._max_reply_ms = max_reply_s * 1000
        self._spans: list[SpokenSpan] = []
        self._shown = 0
        self._text: asyncio.Queue[str | None] = asyncio.Queue(TEXT_QUEUE_PIECES)
        self._audio: asyncio.Queue[SpeechChunk | None] = asyncio.Queue(AUDIO_QUEUE_CHUNKS)

    def open(self) -> None:
        """The turn is committed: what is held leaves now."""
        self.opened.set()

    @property
    def heard_anything(self) -> bool:
        """Whether an audible packet has left."""
        return self.playout.first_audible_at is not None

    def heard(self) -> str:
        """The text that was heard until now."""
        return heard_text(self.draft.text, self._spans, self.playout.played_ms())

    async def run(self) -> None:
        """Make the reply and, once opened, play it to its end. An engine's failure is told to the client."""
        async with asyncio.TaskGroup() as group:
            writer = group.create_task(self._fill_text())
            speaker = group.create_task(self._fill_audio(writer))
            await self._deliver()
            writer.cancel()
            speaker.cancel()

    async def _fill_text(self) -> None:
        try:
            async with aclosing(self._writing(self.draft, self.opened)) as pieces:  # type: ignore[type-var]
                async for piece in pieces:
                    await self._text.put(piece)
        except Exception as error:  # noqa: BLE001 - the boundary to engines: reported as the turn's error
            self._fail("the language model", error)
        await self._text.put(None)

    async def _fill_audio(self, writer: asyncio.Task[None]) -> None:
        try:
            async with aclosing(self._voice.synthesize(self._texts())) as chunks:  # type: ignore[type-var]
                async for chunk in chunks:
                    if self.first_chunk_at is None:
                        self.first_chunk_at = asyncio.get_running_loop().time()
                    self.made_ms += chunk.audio.duration_ms
                    await self._audio.put(chunk)
                    if self.made_ms > self._max_reply_ms:
                        break
        except Exception as error:  # noqa: BLE001 - the boundary to engines: reported as the turn's error
            self._fail("text-to-speech", error)
        writer.cancel()  # nobody will speak what it still writes
        await self._audio.put(None)

    async def _texts(self) -> AsyncIterator[str]:
        while (piece := await self._text.get()) is not None:
            yield piece

    async def _deliver(self) -> None:
        await self.opened.wait()
        while (chunk := await self._next_chunk()) is not None:
            await self._show(chunk)
            silent = not self.heard_anything
            await self.playout.send(chunk.audio)
            if silent and self.heard_anything:
                await self.on_audible()
        if self.error is not None:
            await self._connection.send(ErrorNotice(self.error.message, self.error.retryable))
        await self.playout.finish()

    async def _next_chunk(self) -> SpeechChunk | None:
        try:
            async with asyncio.timeout(SOUND_TIMEOUT_S):
                return await self._audio.get()
        except TimeoutError:
            self.error = EngineTimeoutError(f"the answer stopped for {SOUND_TIMEOUT_S:.0f} s; please try again")
            return None

    async def _show(self, chunk: SpeechChunk) -> None:
        """Send the text that begins to sound with this chunk."""
        self._spans.extend(chunk.spans)
        if self._spans:
            text = " ".join(span.text for span in chunk.spans)
        else:
            text, self._shown = self.draft.text[self._shown :].strip(), len(self.draft.text)
        if text:
            await self._connection.send(ReplyText(self.id, text))

    def _fail(self, part: str, error: Exception) -> None:
        if isinstance(error, VivavoceError):
            logger.warning("reply %d: %s", self.id, error.message)
            self.error = self.error or error
        else:
            logger.exception("reply %d: %s raised", self.id, part, exc_info=error)
            self.error = self.error or EngineError(f"{part} failed; please try again", retryable=True)


async def _ignore() -> None:
    """Nobody listens."""
