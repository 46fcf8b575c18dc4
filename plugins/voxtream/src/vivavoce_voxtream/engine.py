"""The engine and its sessions: one stream at a time, and as many conversations as take turns with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from vivavoce_api import EngineBusyError, EngineError, EngineUnavailableError, SessionContext, SpeechChunk
from vivavoce_voxtream.narrator import Narrator
from vivavoce_voxtream.sample import VoiceSample
from vivavoce_voxtream.utterance import Utterance
from vivavoce_voxtream.wording import whole_words

WAIT_S = 5.0
"""How long a reply waits for its turn."""


class Voxtream:
    """VoXtream, loaded and warm. `voice_of(name)` gives the voice that a session asks for; "" is the usual one."""

    max_sessions = None

    def __init__(self, narrator: Narrator, voice_of: Callable[[str], VoiceSample]) -> None:
        self._narrator = narrator
        self._voice_of = voice_of
        self._turn = asyncio.Lock()
        self._utterance: Utterance | None = None
        self._closed = False

    async def open_session(self, context: SessionContext) -> VoxtreamSession:
        """Open a session. Raises `ClientError` where the client asks for a voice that isn't there."""
        self._check()
        name = context.parameters.get("voice", "")
        return VoxtreamSession(self, await asyncio.to_thread(self._voice_of, name) if name else self._voice_of(""))

    @asynccontextmanager
    async def speaking(self, voice: VoiceSample) -> AsyncIterator[Utterance]:
        """A new utterance, for which the generator is armed already; at the end it is interrupted.

        Raises `EngineBusyError` where others speak for more than 5 s.
        """
        try:
            async with asyncio.timeout(WAIT_S):
                await self._turn.acquire()
        except TimeoutError:
            raise EngineBusyError(
                "the voice is busy with another conversation",
                fix="tts: {plugin: voxtream, streams: N} with as many as speak at a time",
            ) from None
        utterance = Utterance(voice)
        try:
            self._check()
            self._utterance = utterance
            self._narrator.say(utterance)
            yield utterance
        finally:
            utterance.interrupt()
            self._utterance = None
            self._turn.release()

    async def close(self) -> None:
        """End what is being spoken with an `EngineUnavailableError`, and the generator's thread. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._utterance is not None:
            self._utterance.fail(_closed())
        await asyncio.to_thread(self._narrator.close)

    def _check(self) -> None:
        if self._closed:
            raise _closed()


def _closed() -> EngineUnavailableError:
    return EngineUnavailableError("VoXtream was closed")


class VoxtreamSession:
    """One conversation's voice."""

    def __init__(self, engine: Voxtream, voice: VoiceSample) -> None:
        self._engine = engine
        self._voice = voice
        self._running: set[Utterance] = set()
        self._closed = False

    async def synthesize(self, text: AsyncIterator[str]) -> AsyncIterator[SpeechChunk]:
        """Speak from the first whole word on, in chunks of 80 ms with a span for each word.

        Waits up to 5 s while another conversation speaks, then raises `EngineBusyError`. Closing it stops the
        generator before its next chunk.
        """
        if self._closed:
            raise EngineError("the session was closed")
        async with self._engine.speaking(self._voice) as utterance:
            self._running.add(utterance)
            writer = asyncio.create_task(_write(text, utterance))
            try:
                async for chunk in utterance.chunks():
                    yield chunk
            finally:
                self._running.discard(utterance)
                writer.cancel()
                await asyncio.gather(writer, return_exceptions=True)

    async def close(self) -> None:
        """End what runs with an `EngineError`. Idempotent."""
        self._closed = True
        for utterance in self._running:
            utterance.fail(EngineError("the session was closed"))


async def _write(text: AsyncIterator[str], utterance: Utterance) -> None:
    """Hand the words of `text` over. What it raises goes to whoever listens."""
    try:
        async for word in whole_words(text):
            await utterance.add_word(word)
    except Exception as error:  # noqa: BLE001 - not ours: it comes out of the chunks as it is
        utterance.fail(error)
    else:
        utterance.end_words()
