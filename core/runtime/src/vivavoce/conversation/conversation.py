"""The road of one conversation, from the client's sound to the agent's, and back only for an interruption.

`incoming -> windows -> voice activity -> user turn (speech-to-text, decision) -> floor -> reply (language model,
text-to-speech, gate) -> playout -> outgoing`
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Iterator

from vivavoce.conversation.ear import Ear
from vivavoce.conversation.floor import Floor
from vivavoce.conversation.loudness import Loudness
from vivavoce.conversation.sessions import Sessions
from vivavoce.conversation.settings import ConversationSettings
from vivavoce.conversation.tally import Tally
from vivavoce.conversation.turn import UserTurn
from vivavoce.conversation.voice import Voice, VoiceTracker
from vivavoce_api import (
    AudioChunk,
    ClientError,
    Connection,
    ErrorNotice,
    PlaybackReport,
    UserSpeech,
    UserTranscript,
    VivavoceError,
)

logger = logging.getLogger(__name__)


class _Ended(Exception):
    """The conversation is over."""

    def __init__(self, words: str | None = None) -> None:
        super().__init__(words)
        self.words = words


class Conversation:
    """One client talking with one agent; `run` is its whole life, and all it started ends with it."""

    def __init__(
        self, settings: ConversationSettings, sessions: Sessions, connection: Connection, tally: Tally
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._connection = connection
        self._tally = tally
        self._loudness = Loudness()
        self._ear = Ear(sessions.vad)
        self._tracker = VoiceTracker(settings.window_ms, settings.voice_threshold)
        self._preroll: deque[AudioChunk] = deque(maxlen=settings.preroll_windows)
        self._rest = b""
        self._turn: UserTurn | None = None
        self._pauses_ms: deque[float] = deque(maxlen=20)
        self._transcribing = asyncio.Lock()
        self._active_at = asyncio.get_running_loop().time()
        self._group = asyncio.TaskGroup()
        self._floor = Floor(settings, sessions, connection, tally, self._group)

    async def run(self) -> None:
        """Converse until the client is gone, the session's time is up, or nobody spoke for too long."""
        words = None
        try:
            async with asyncio.timeout(self._settings.max_session_s), self._group:
                self._group.create_task(self._floor.warm())
                self._group.create_task(self._watch_idle())
                if self._settings.greeting:
                    self._floor.greet(self._settings.greeting)
                await self._listen()
                raise _Ended
        except* _Ended as ended:
            words = next((e.words for e in ended.exceptions if isinstance(e, _Ended)), None)
        except* TimeoutError:
            words = "this session's time is up; connect again to go on"
        except* ClientError:
            pass  # the client is gone: nobody is there to be told
        if words is not None:
            await self._connection.send(ErrorNotice(words))

    async def _listen(self) -> None:
        async for item in self._connection.incoming():
            if isinstance(item, PlaybackReport):
                self._floor.report_playback(item.reply_id, item.played_ms)
                continue
            arrived_at = asyncio.get_running_loop().time()
            for window in self._windows(item):
                loud_until_ms = self._loudness.loud_until_ms(window)
                probability = await self._ear.probability(window, self._loudness, in_speech=self._tracker.in_speech)
                voice = self._tracker.push(probability, loud_until_ms)
                await self._on_window(window, voice, arrived_at)
            if self._turn is not None:
                self._turn.voice_may_return = self._voice_may_return(self._turn.heard_silence_ms, item.sample_rate_hz)

    def _voice_may_return(self, silence_ms: float, rate_hz: int) -> bool:
        """Whether a decision has to wait for more sound; while the voice goes on, none is near, and nobody asks."""
        return silence_ms > 0 and self._loudness.begins_in(AudioChunk(self._rest, rate_hz), silence_ms)

    def _windows(self, chunk: AudioChunk) -> Iterator[AudioChunk]:
        size = self._settings.window_bytes
        pcm = self._rest + chunk.pcm
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        for start in range(0, whole, size):
            yield AudioChunk(pcm[start : start + size], chunk.sample_rate_hz)

    async def _on_window(self, window: AudioChunk, voice: Voice, arrived_at: float) -> None:
        if voice is Voice.SILENT:
            self._preroll.append(window)
            return
        self._active_at = arrived_at
        if voice is Voice.STARTED:
            await self._connection.send(UserSpeech(speaking=True))
        turn = self._turn or self._begin_turn(arrived_at)
        voiced_until_ms = 0.0 if voice is Voice.PAUSED else self._tracker.voiced_until_ms
        turn.push(window, voiced_until_ms=voiced_until_ms, arrived_at=arrived_at)
        if voiced_until_ms:
            self._floor.user_goes_on(turn)
            await self._floor.consider_interruption(turn)

    def _begin_turn(self, arrived_at: float) -> UserTurn:
        completeness = self._floor.completeness if self._sessions.completeness is not None else None
        turn = UserTurn(
            self._settings.turn, self._sessions.stt, self._sessions.turn_detector, completeness, self._pauses_ms
        )
        turn.on_transcript = self._on_transcript
        turn.on_change = self._floor.consider_speculation
        turn.on_decided = self._end_turn
        for window in self._preroll:
            turn.push(window, voiced_until_ms=0.0, arrived_at=arrived_at)
        self._preroll.clear()
        self._turn = turn
        self._group.create_task(self._take(turn))
        return turn

    def _end_turn(self, turn: UserTurn) -> None:
        """Decided: voice from here on begins a new turn."""
        if self._turn is turn:
            self._turn = None
            self._tracker.reset()

    async def _take(self, turn: UserTurn) -> None:
        try:
            async with self._transcribing:
                await turn.run()
        except* Exception as group:  # noqa: BLE001 - the boundary to engines: reported as the turn's error
            turn.transcript = None
            await self._report(group.exceptions[0])
            await turn.outlast()
        self._end_turn(turn)
        await self._connection.send(UserSpeech(speaking=False))
        await self._floor.commit(turn)

    async def _on_transcript(self, turn: UserTurn) -> None:
        self._floor.consider_speculation(turn)
        await self._floor.consider_interruption(turn)
        if turn.text and turn.text != turn.shown_text:
            turn.shown_text = turn.text
            await self._connection.send(UserTranscript(turn.text, final=False))

    async def _watch_idle(self) -> None:
        limit_s = self._settings.idle_timeout_s
        while (rest_s := self._active_at + limit_s - asyncio.get_running_loop().time()) > 0:
            await asyncio.sleep(rest_s)
            if self._floor.is_speaking:
                self._active_at = asyncio.get_running_loop().time()
        raise _Ended(f"nobody spoke for {limit_s:.0f} s; connect again to go on")

    async def _report(self, error: BaseException) -> None:
        self._tally.errors += 1
        if isinstance(error, VivavoceError):
            logger.warning("%s", error.message)
            notice = ErrorNotice(error.message, error.retryable)
        else:
            logger.exception("speech-to-text raised", exc_info=error)
            notice = ErrorNotice("speech-to-text failed; please say it again", retryable=True)
        await self._connection.send(notice)
