"""The one thread in which VoXtream's generator is built, warmed up and used, always armed for the next reply."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from contextlib import closing
from typing import Protocol

from vivavoce_api import EngineError, VivavoceError
from vivavoce_voxtream.feed import Continuation, Feed, NothingToSayError, OtherVoiceError
from vivavoce_voxtream.sample import VoiceSample
from vivavoce_voxtream.utterance import InterruptedUtteranceError, Utterance

logger = logging.getLogger(__name__)


class Synthesizer(Protocol):
    """VoXtream, as the narrator sees it. All calls come from one thread, one generation at a time."""

    def phones_in(self, word: str) -> int:
        """How many phones the model will make of a word; 0 where there is nothing to say."""
        ...

    def begin(self) -> None:
        """A generation begins: its first word has come."""
        ...

    def speak(self, voice: VoiceSample, text: Iterator[str | None]) -> Generator[tuple[bytes, int], None, None]:
        """Chunks of PCM16, each with the phone (from 1) at which the next goes on.

        The first step of the generator encodes the voice, makes everything ready, and then asks for text. What
        `text` raises comes through. Closing or an error leaves nothing behind for the next generation.
        """
        ...


class _ClosedError(Exception):
    """The engine is being closed."""


class Narrator:
    """Speaks utterances one after the other."""

    def __init__(self, build: Callable[[], Synthesizer], voice: VoiceSample) -> None:
        """`build` runs in the thread, and returns the generator warm; `voice` is the one to be armed with."""
        self._build = build
        self._voice = voice
        self._inbox: queue.SimpleQueue[Utterance | None] = queue.SimpleQueue()
        self._ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._live, name="voxtream", daemon=True)

    def start(self) -> None:
        """Begin; blocks until the generator is built and warm. Raises what `build` raises."""
        self._thread.start()
        self._ready.result()

    def say(self, utterance: Utterance) -> None:
        """Speak it as soon as those before it have ended."""
        self._inbox.put(utterance)

    def close(self) -> None:
        """End the thread, after the utterance that is being spoken: interrupt it first. Blocks. Idempotent."""
        self._inbox.put(None)
        if self._thread.ident is not None:
            self._thread.join()

    def _live(self) -> None:
        try:
            synthesizer = self._build()
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits in `start`
            self._ready.set_exception(error)
            return
        self._ready.set_result(None)
        try:
            self._serve(synthesizer)
        except _ClosedError:
            pass

    def _serve(self, synthesizer: Synthesizer) -> None:
        continued: Continuation | None = None
        while True:
            feed = Feed(
                self._next_utterance,
                synthesizer.phones_in,
                self._voice,
                on_begin=synthesizer.begin,
                continued=continued,
            )
            continued = self._generate(synthesizer, feed)

    def _next_utterance(self) -> Utterance:
        utterance = self._inbox.get()
        if utterance is None:
            raise _ClosedError
        return utterance

    def _generate(self, synthesizer: Synthesizer, feed: Feed) -> Continuation | None:
        """One generation, from arming to its end. Returns what the next has to go on with."""
        error: Exception | None = None
        try:
            self._speak(synthesizer, feed)
            if (continued := feed.continuation()) is not None:
                return continued
        except _ClosedError:
            raise
        except OtherVoiceError:
            assert feed.utterance is not None
            self._voice = feed.utterance.voice
            return Continuation(feed.utterance)
        except (InterruptedUtteranceError, NothingToSayError):
            pass
        except Exception as raised:  # noqa: BLE001 - the boundary to VoXtream: the reply's error, not the thread's end
            error = _in_words(raised)
        utterance = feed.utterance or self._next_utterance()  # an error while arming goes to who comes next
        utterance.end(error)
        return None

    def _speak(self, synthesizer: Synthesizer, feed: Feed) -> None:
        with closing(synthesizer.speak(self._voice, feed)) as chunks:
            for pcm, phone_position in chunks:
                assert feed.utterance is not None
                feed.utterance.deliver(pcm, feed.chunk_made(phone_position))


def _in_words(error: Exception) -> VivavoceError:
    if isinstance(error, VivavoceError):
        return error
    logger.error("VoXtream failed", exc_info=error)
    return EngineError(f"VoXtream failed: {type(error).__name__}: {error}", retryable=True)
