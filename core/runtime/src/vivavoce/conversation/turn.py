"""A user's turn: its sound goes to speech-to-text while we decide whether it is over."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, MutableSequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from vivavoce.conversation.judge import Completeness, Judge
from vivavoce.conversation.sound_clock import SoundClock
from vivavoce.conversation.turn_model import Style
from vivavoce.conversation.words import same_words
from vivavoce_api import (
    AudioChunk,
    EngineError,
    Flush,
    SpeechToTextSession,
    Transcript,
    TurnDetectorCapabilities,
    TurnDetectorSession,
)

# While the voice falls off, an engine that answers this soon is asked again and again, for the soft end of the last
# word; after so much silence nothing new can come. A slower one is asked once: a second pass would delay the reply.
QUICK_PASS_MS = 80.0
FLUSH_UNTIL_MS = 250.0
# A shorter gap is a stop consonant or a breath, not a pause that tells how a person speaks.
PAUSE_MS = 200.0
# A client that sends nothing for so long while it "speaks" is gone or muted: silence counts on by the clock.
STALL_MS = 300.0
# Sounds that may be a voice, and are none, delay a decision by so much at most, however many there are.
HELD_MS = 320.0


@dataclass(frozen=True, slots=True)
class TurnSettings:
    """How a turn is taken: the style, when speech-to-text is asked, bounds, and what the turn detector wants."""

    style: Style
    flush_after_ms: float
    max_turn_ms: float
    partials: bool
    window_ms: float
    detector: TurnDetectorCapabilities | None


@dataclass
class Marks:
    """When things happened, in seconds of the event loop's clock; None: not yet."""

    voiced_end: float
    transcript: float | None = None
    committed: float | None = None


class UserTurn:
    """One turn of the user, from its first voiced window to the decision that it is over.

    `push` is fed by the listener and never waits. `run` transcribes and decides; it ends with the turn. It calls
    `on_transcript` for each transcript, `on_change` for each window and answer that comes, and `on_decided` at the
    moment from which on all sound belongs to the next turn. Positions are milliseconds from the start of the turn's
    audio. While `voice_may_return` is set, the decision waits for more sound.
    """

    def __init__(
        self,
        settings: TurnSettings,
        stt: SpeechToTextSession,
        detector: TurnDetectorSession | None,
        completeness: Completeness | None,
        pauses_ms: MutableSequence[float],
    ) -> None:
        self._settings = settings
        self._stt = stt
        self._pauses_ms = pauses_ms
        self.on_transcript: Callable[[UserTurn], Awaitable[None]] = _ignore
        self.on_change: Callable[[UserTurn], None] = lambda turn: None
        self.on_decided: Callable[[UserTurn], None] = lambda turn: None
        self._windows: asyncio.Queue[AudioChunk | Flush | None] = asyncio.Queue(
            2 * math.ceil(settings.max_turn_ms / settings.window_ms) + 64
        )
        self._changed = asyncio.Event()
        self._recent = bytearray()
        self._rate_hz = 16_000
        self._judge = Judge(settings.style, detector, settings.detector, completeness, pauses_ms, self._changed)
        self._clock = SoundClock(settings.window_ms, asyncio.get_running_loop().time())
        self._finished = False
        self._flushed_ms = -1.0
        self._flushed_at = 0.0
        self._pass_ms = math.inf
        self._worded_ms = 0.0
        self.voice_may_return = False
        self.voiced_end_ms = 0.0
        self.voiced_ms = 0.0
        self.transcript: Transcript | None = None
        self.marks = Marks(asyncio.get_running_loop().time())
        self.speculations = 0
        self.shown_text = ""

    def push(self, window: AudioChunk, *, voiced_until_ms: float, arrived_at: float) -> None:
        """The next window of sound, voiced up to so far into it (0: not at all).

        A turn that outgrows its bound is decided at once.
        """
        if self._finished or self.audio_ms >= self._settings.max_turn_ms:
            self._changed.set()
            return
        self._remember(window)
        if voiced_until_ms:
            self._voiced(voiced_until_ms)
        self._clock.arrived(window.duration_ms, arrived_at)
        self.marks.voiced_end = self._clock.at(self.voiced_end_ms)
        self._windows.put_nowait(window)
        silence_ms = self.heard_silence_ms
        if not self.voiced_end_ms:
            return
        if silence_ms >= self._settings.flush_after_ms and self._should_flush(silence_ms):
            self.flush()
        if silence_ms:
            self._changed.set()

    def flush(self) -> None:
        """Ask for a transcript of all audio so far, now."""
        if self._settings.partials and not self._windows.full():
            self._flushed_ms = self.audio_ms
            self._flushed_at = asyncio.get_running_loop().time()
            self._windows.put_nowait(Flush())

    def _should_flush(self, silence_ms: float) -> bool:
        """Whether a transcript that covers the voice is still to be asked for, or a quick engine may be asked again."""
        if self._flushed_ms < self.voiced_end_ms:
            return True
        is_answered = self.transcript is not None and self.transcript.audio_ms >= self._flushed_ms
        return is_answered and silence_ms <= FLUSH_UNTIL_MS and self._pass_ms <= QUICK_PASS_MS

    @property
    def audio_ms(self) -> float:
        """Length of the turn's sound so far."""
        return self._clock.arrived_ms

    @property
    def heard_silence_ms(self) -> float:
        """Silence since the voice ended, in the sound that has come."""
        return self.audio_ms - self.voiced_end_ms

    @property
    def silence_ms(self) -> float:
        """Silence since the voice ended, by the sound's clock, and by ours where sound stopped coming."""
        now = asyncio.get_running_loop().time()
        stalled_ms = max(0.0, self._clock.overdue_ms(now) - STALL_MS)
        return self.heard_silence_ms + self._clock.ahead_ms(now) + stalled_ms

    @property
    def is_covered(self) -> bool:
        """Whether the newest transcript covers all that was voiced."""
        return self.transcript is not None and self.transcript.audio_ms + 1 >= self.voiced_end_ms

    @property
    def text(self) -> str:
        """The newest transcript's text."""
        return self.transcript.text if self.transcript is not None else ""

    @property
    def fading_ms(self) -> float:
        """Voice since the newest words were heard: the end of the last one, or more that is to come."""
        return self.voiced_end_ms - self._worded_ms

    @property
    def likelihood(self) -> float | None:
        """How likely the newest words complete the turn, by the language model; None while that is not known."""
        return self._judge.probability(self.text)

    @property
    def is_being_read(self) -> bool:
        """Whether the language model is being asked if the turn is over."""
        return self._judge.is_reading

    async def run(self) -> None:
        """Live until the turn is over; afterwards `text` is what was said. Raises `EngineError`."""
        async with asyncio.TaskGroup() as group:
            transcribing = group.create_task(self._transcribe(group))
            await self._decide(group, transcribing)
            self._finish()
            self.marks.committed = asyncio.get_running_loop().time()
            transcribing.cancel()
            self._judge.close()

    async def outlast(self) -> None:
        """After a failure: wait until the user has fallen silent, so that one utterance fails but once."""
        while self.silence_ms < PAUSE_MS and self.audio_ms < self._settings.max_turn_ms:
            await self._wait_for_change()

    @property
    def _is_long_enough(self) -> bool:
        """Whether the silence is; where a voice may have begun, only if no more sound comes, or none of it was one."""
        longer_ms = self.silence_ms - self._judge.wait_ms
        if not self.voice_may_return or self._clock.overdue_ms(asyncio.get_running_loop().time()) >= STALL_MS:
            return longer_ms >= 0
        return longer_ms >= HELD_MS

    def _finish(self) -> None:
        if not self._finished:
            self._finished = True
            self.on_decided(self)

    def _remember(self, window: AudioChunk) -> None:
        if self._settings.detector is None:
            return
        self._rate_hz = window.sample_rate_hz
        self._recent += window.pcm
        limit = int(self._settings.detector.max_audio_ms * self._rate_hz / 1000) * 2
        if len(self._recent) > 2 * limit:
            del self._recent[:-limit]

    def _voiced(self, until_ms: float) -> None:
        pause_ms = self.audio_ms - self.voiced_end_ms
        if self.voiced_end_ms and pause_ms >= PAUSE_MS:
            self._pauses_ms.append(pause_ms)
        self.voiced_end_ms = self.audio_ms + until_ms
        self.voiced_ms += until_ms
        self._judge.voice_returned()

    async def _transcribe(self, group: asyncio.TaskGroup) -> None:
        async with aclosing(self._stt.transcribe(self._audio())) as transcripts:  # type: ignore[type-var]
            async for transcript in transcripts:
                if not same_words(transcript.text, self.text):
                    self._worded_ms = transcript.audio_ms
                elif transcript.text[-1:] == self.text[-1:]:  # commas come and go; these the language model has read
                    transcript = replace(transcript, text=self.text)
                self.transcript = transcript
                self.marks.transcript = asyncio.get_running_loop().time()
                if transcript.audio_ms >= self._flushed_ms:
                    self._pass_ms = (self.marks.transcript - self._flushed_at) * 1000
                self._changed.set()
                if self.text:
                    silence_ms = max(0.0, transcript.audio_ms - self.voiced_end_ms) if self.is_covered else None
                    self._judge.read(group, transcript, silence_ms)
                await self.on_transcript(self)
        if self.transcript is None:
            raise EngineError("speech-to-text ended without a transcript")

    async def _audio(self) -> AsyncIterator[AudioChunk | Flush]:
        while (item := await self._windows.get()) is not None:
            yield item

    async def _decide(self, group: asyncio.TaskGroup, transcribing: asyncio.Task[None]) -> None:
        """Return when the turn is over and its transcript is there."""
        while self.audio_ms < self._settings.max_turn_ms:
            await self._wait_for_change(self._due_ms())
            self._judge.look(group, self.silence_ms, self._recent_audio)
            self.on_change(self)
            if self._is_long_enough:
                if self.is_covered:
                    return
                if not self._settings.partials or transcribing.done():
                    break
        await self._end_audio(transcribing)

    def _due_ms(self) -> float:
        """Time until the silence is long enough, where the clock gets there without more sound."""
        due_ms = self._judge.wait_ms - self.silence_ms
        counting_ms = self._clock.counts_on_for_ms(asyncio.get_running_loop().time())
        return max(due_ms, 1.0) if 0 < due_ms < counting_ms else STALL_MS

    async def _wait_for_change(self, timeout_ms: float = STALL_MS) -> None:
        """Wait for sound, a transcript, or the time-out; after a stall ask for what is still missing."""
        self._changed.clear()
        try:
            async with asyncio.timeout(timeout_ms / 1000):
                await self._changed.wait()
        except TimeoutError:
            if self.silence_ms >= STALL_MS and not self.is_covered:
                self.flush()

    def _recent_audio(self) -> AudioChunk:
        """What the turn detector is shown. The runtime asks only where there is one."""
        assert self._settings.detector is not None
        unshown_ms = max(0.0, self.audio_ms - self.voiced_end_ms - self._settings.detector.shown_silence_ms)
        end = len(self._recent) - int(unshown_ms * self._rate_hz / 1000) * 2
        limit = int(self._settings.detector.max_audio_ms * self._rate_hz / 1000) * 2
        return AudioChunk(bytes(self._recent[max(0, end - limit) : end]), self._rate_hz)

    async def _end_audio(self, transcribing: asyncio.Task[None]) -> None:
        self._finish()
        if self._windows.full():
            self._windows.get_nowait()
        self._windows.put_nowait(None)
        await asyncio.wait([transcribing])


async def _ignore(turn: UserTurn) -> None:
    """Nobody listens."""
