"""Conformance of text-to-speech engines."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from typing import ClassVar

import pytest

from vivavoce_api.audio import AudioChunk
from vivavoce_api.offers import Kind
from vivavoce_api.testing.cancellation import collect, end_after_close, first, timed_stop
from vivavoce_api.testing.engine import EngineConformance, LoadedEngine
from vivavoce_api.testing.sound import peak
from vivavoce_api.text_to_speech import SpeechChunk, TextToSpeechCapabilities

SHORT = "Good morning, my friend. How are you today?"
OTHER = "The quick brown fox jumps over the lazy dog. It barks; the fox runs away into the forest and hides there."
HUGE = (OTHER + " ") * (5000 // (len(OTHER) + 1) + 1)
MAX_CHUNK_MS = 500
AUDIBLE = 0.01


def tokens(text: str) -> list[str]:
    """The text in token-sized pieces that join without separators."""
    return re.findall(r"\s*\S{1,5}|\s+$", text)


async def written(pieces: Sequence[str], then_wait: bool = False) -> AsyncIterator[str]:
    """A text as a language model writes it; with `then_wait` it never ends."""
    for piece in pieces:
        await asyncio.sleep(0)
        yield piece
    if then_wait:
        await asyncio.Event().wait()


def joined(chunks: Sequence[SpeechChunk]) -> AudioChunk:
    """The whole sound."""
    return AudioChunk(b"".join(chunk.audio.pcm for chunk in chunks), chunks[0].audio.sample_rate_hz)


def spoken(chunks: Sequence[SpeechChunk]) -> str:
    """The text of all spans, white space normalised."""
    return " ".join(" ".join(span.text for chunk in chunks for span in chunk.spans).split())


class TextToSpeechConformance(EngineConformance):
    """What every text-to-speech engine does. `min_ms_per_character` guards against text that is cut short."""

    kind = Kind.TEXT_TO_SPEECH
    capabilities_type = TextToSpeechCapabilities
    min_ms_per_character: ClassVar[float] = 20.0

    def speak(self, loaded: LoadedEngine, text: str) -> list[SpeechChunk]:
        """All chunks of one reply, in a session of its own."""

        async def one_reply() -> list[SpeechChunk]:
            session = await loaded.session()
            try:
                return await collect(session.synthesize(written(tokens(text))))
            finally:
                await session.close()

        return loaded.run(one_reply())

    def test_speaks(self, vivavoce_loaded: LoadedEngine) -> None:
        chunks = self.speak(vivavoce_loaded, SHORT)
        assert chunks, "no sound"
        self.check_chunks(vivavoce_loaded, chunks)
        assert peak(joined(chunks)) >= AUDIBLE, "the sound can't be heard"
        self.check_spans(vivavoce_loaded, chunks, SHORT)

    def check_chunks(self, loaded: LoadedEngine, chunks: Sequence[SpeechChunk]) -> None:
        """One sample rate, the stated one; none empty, none too long."""
        assert {chunk.audio.sample_rate_hz for chunk in chunks} == {loaded.offer.capabilities.sample_rate_hz}
        assert all(chunk.audio.samples for chunk in chunks), "an empty chunk"
        assert max(chunk.audio.duration_ms for chunk in chunks) <= MAX_CHUNK_MS

    def check_spans(self, loaded: LoadedEngine, chunks: Sequence[SpeechChunk], text: str) -> None:
        """In order, inside the sound, and together the text as it came in."""
        if loaded.offer.capabilities.spans == "none":
            return
        assert spoken(chunks) == " ".join(text.split())
        spans = [span for chunk in chunks for span in chunk.spans]
        assert [span.start_ms for span in spans] == sorted(span.start_ms for span in spans)
        assert all(0 <= span.start_ms <= span.end_ms for span in spans)
        assert spans[-1].end_ms <= joined(chunks).duration_ms + 1

    def test_first_sentence_sounds_before_the_text_has_ended(self, vivavoce_loaded: LoadedEngine) -> None:
        async def listen() -> None:
            session = await vivavoce_loaded.session()
            loop, began_s = asyncio.get_running_loop(), asyncio.get_running_loop().time()
            stream = session.synthesize(written(tokens("This sentence is complete. And then"), then_wait=True))
            chunk = await asyncio.wait_for(first(stream), 30)
            vivavoce_loaded.report("text to first chunk", (loop.time() - began_s) * 1000)
            assert chunk.audio.samples
            await stream.aclose()
            await session.close()

        vivavoce_loaded.run(listen())

    @pytest.mark.parametrize("pieces", [[], [""], ["", " ", "\n", "  "]], ids=["none", "empty", "blank"])
    def test_empty_text_gives_nothing(self, vivavoce_loaded: LoadedEngine, pieces: list[str]) -> None:
        async def say_nothing() -> list[SpeechChunk]:
            session = await vivavoce_loaded.session()
            chunks = await collect(session.synthesize(written(pieces)))
            await session.close()
            return chunks

        assert vivavoce_loaded.run(say_nothing()) == []

    def test_5000_characters(self, vivavoce_loaded: LoadedEngine) -> None:
        text = HUGE[:5000].rstrip()
        chunks = self.speak(vivavoce_loaded, text)
        self.check_chunks(vivavoce_loaded, chunks)
        self.check_spans(vivavoce_loaded, chunks, text)
        assert joined(chunks).duration_ms >= self.min_ms_per_character * len(text), "the text was cut short"

    def test_two_replies_of_a_session_both_start_at_zero(self, vivavoce_loaded: LoadedEngine) -> None:
        async def speak_twice() -> list[list[SpeechChunk]]:
            session = await vivavoce_loaded.session()
            replies = [await collect(session.synthesize(written(tokens(text)))) for text in (SHORT, OTHER)]
            await session.close()
            return replies

        for text, chunks in zip((SHORT, OTHER), vivavoce_loaded.run(speak_twice()), strict=True):
            self.check_spans(vivavoce_loaded, chunks, text)
            assert joined(chunks).duration_ms >= self.min_ms_per_character * len(text)

    def test_two_sessions_at_once_do_not_mix(self, vivavoce_loaded: LoadedEngine) -> None:
        async def speak_together() -> list[list[SpeechChunk]]:
            sessions = [await vivavoce_loaded.session() for _ in range(2)]
            texts = (SHORT, OTHER)
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(collect(session.synthesize(written(tokens(text)))))
                    for session, text in zip(sessions, texts, strict=True)
                ]
            for session in sessions:
                await session.close()
            return [task.result() for task in tasks]

        short, other = vivavoce_loaded.run(speak_together())
        self.check_spans(vivavoce_loaded, short, SHORT)
        self.check_spans(vivavoce_loaded, other, OTHER)
        assert joined(short).duration_ms < joined(other).duration_ms

    @pytest.mark.parametrize(
        ("by_cancelling", "after_first_item"),
        [(True, True), (True, False), (False, True)],
        ids=["cancelled while speaking", "cancelled while waiting", "closed while speaking"],
    )
    def test_barge_in(self, vivavoce_loaded: LoadedEngine, by_cancelling: bool, after_first_item: bool) -> None:
        async def interrupt() -> list[SpeechChunk]:
            session = await vivavoce_loaded.session()
            await timed_stop(
                lambda: session.synthesize(written(tokens(HUGE), then_wait=True)),
                self.cancel_limit_ms,
                after_first_item=after_first_item,
                by_cancelling=by_cancelling,
            )
            chunks = await collect(session.synthesize(written(tokens(SHORT))))
            await session.close()
            return chunks

        chunks = vivavoce_loaded.run(interrupt())
        assert chunks, "the session is of no use after an interruption"
        self.check_spans(vivavoce_loaded, chunks, SHORT)

    def test_closing_the_session_ends_what_runs(self, vivavoce_loaded: LoadedEngine) -> None:
        async def close_early() -> None:
            session = await vivavoce_loaded.session()
            await end_after_close(session.synthesize(written(tokens(SHORT), then_wait=True)), session.close)

        vivavoce_loaded.run(close_early())

    def test_an_error_of_the_text_comes_through(self, vivavoce_loaded: LoadedEngine) -> None:
        async def broken_text() -> AsyncIterator[str]:
            yield "This sentence is complete. And this"
            raise LookupError("the model died")

        async def speak() -> None:
            session = await vivavoce_loaded.session()
            try:
                await collect(session.synthesize(broken_text()))
            finally:
                await session.close()

        with pytest.raises(LookupError, match="the model died"):
            vivavoce_loaded.run(speak())
