"""The floor: who may speak. Speculative replies, the commit, and the interruption."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence

from vivavoce.conversation.history import History
from vivavoce.conversation.reply import Reply, Writing
from vivavoce.conversation.sessions import Sessions
from vivavoce.conversation.settings import ConversationSettings
from vivavoce.conversation.tally import Tally
from vivavoce.conversation.turn import UserTurn
from vivavoce.conversation.words import is_backchannel, same_words
from vivavoce.conversation.writing import Draft, recite, write
from vivavoce_api import (
    Connection,
    Message,
    ReplyEnded,
    TurnLatency,
    UserTranscript,
    VivavoceError,
    WarmsPrefix,
)

logger = logging.getLogger(__name__)

# A silence of this length is no closure within a word any more.
SURE_PAUSE_MS = 110.0
# Words that are so likely to be the last ones are answered, unheard, before the voice has faded; words that are so
# unlikely to be, only in a pause.
LIKELY, UNLIKELY = 0.2, 0.02
EARLY_SHARE = 0.75
# The last word's end is heard up to 250 ms before the voice ends (80 to 250 ms on six speakers). A voice that goes on
# for longer has more to say.
FADING_MS = 250.0


class Floor:
    """At most one reply at a time, in one of three states.

    *speculative*: it works, nothing of it is let out; *pending*: committed, but nothing was heard yet; *speaking*.
    A speculative reply leaves no trace but in the tally. A pending one that the user talks away leaves the user's
    words in the history, to be joined with what follows; where nothing follows that has words, a cough maybe, they are
    answered anew.
    """

    def __init__(
        self,
        settings: ConversationSettings,
        sessions: Sessions,
        connection: Connection,
        tally: Tally,
        group: asyncio.TaskGroup,
    ) -> None:
        self._settings = settings
        self._sessions = sessions
        self._connection = connection
        self._tally = tally
        self._group = group
        self._reply: Reply | None = None
        self._task: asyncio.Task[None] | None = None
        self._count = 0
        self._unheard: UserTurn | None = None  # the last turn, until something of its answer was heard
        self.history = History(settings.instructions, settings.max_history_messages)

    @property
    def is_speaking(self) -> bool:
        """Whether the agent's voice is out: something was heard, and it has not been played to the end."""
        return self._reply is not None and self._reply.heard_anything

    @property
    def _is_speculative(self) -> bool:
        return self._reply is not None and not self._reply.opened.is_set()

    async def warm(self) -> None:
        """Fill the prompt caches with the instructions: of the model that replies, and of one that only judges."""
        await self._warm(self._sessions.llm)
        if self._sessions.completeness is not self._sessions.llm:
            await self._warm(self._sessions.completeness)

    async def _warm(self, model: object) -> None:
        if isinstance(model, WarmsPrefix):
            try:
                await model.warm(self.history.messages())
            except VivavoceError as error:
                logger.warning("warming the prompt cache failed: %s", error.message)

    def greet(self, text: str) -> None:
        """Say `text` without asking the language model."""
        self._start("", lambda draft, opened: recite(draft, text)).open()

    def report_playback(self, reply_id: int, played_ms: float) -> None:
        """The client says how much of a reply it has played."""
        if self._reply is not None and self._reply.id == reply_id:
            self._reply.playout.report(played_ms)

    async def completeness(self, text: str) -> float:
        """How likely `text` completes the user's turn, by the language model. Raises `EngineError`."""
        assert self._sessions.completeness is not None
        return await self._sessions.completeness.end_of_turn_probability(self.history.messages(Message("user", text)))

    def consider_speculation(self, turn: UserTurn) -> None:
        """Start the reply before the turn is decided, where the newest transcript can be all of it.

        A model that takes one request at a time is asked first whether the turn is over: that costs one forward
        pass, and fills its cache for the reply.
        """
        if self._is_speculative and self._reply is not None and not same_words(self._reply.user_text, turn.text):
            self._discard_speculation()
        if self._reply is not None or not turn.text or not self._may_be_all(turn):
            return
        if turn.speculations < self._settings.max_speculations:
            turn.speculations += 1
            self._answer(turn)

    def _may_be_all(self, turn: UserTurn) -> bool:
        """Whether to bet on this transcript.

        Most of a turn's bets may fall for closures within words; the rest wait for a pause, or for words that sound
        complete.
        """
        if self._settings.serial_model and turn.is_being_read:
            return False
        if not self._settings.serial_model and (turn.likelihood or 0.0) >= LIKELY:
            return turn.fading_ms <= FADING_MS
        is_early = turn.speculations < EARLY_SHARE * self._settings.max_speculations
        is_unlikely = turn.likelihood is not None and turn.likelihood < UNLIKELY
        least_ms = 0.0 if is_early and not is_unlikely else SURE_PAUSE_MS
        return turn.is_covered and turn.silence_ms >= max(self._settings.speculate_after_ms, least_ms)

    def user_goes_on(self, turn: UserTurn) -> None:
        """Voice: an answer of which nothing was heard yet is void, and so is one that nobody waits for yet.

        A speculative one is kept while the voice may be fading, unless it holds up a model that takes one request at a
        time; other words in the next transcript end it.
        """
        if self._is_speculative:
            if self._settings.serial_model or turn.fading_ms > FADING_MS:
                self._discard_speculation()
        elif self._reply is not None and self._reply.user_text and not self.is_speaking:
            self._drop()

    async def commit(self, turn: UserTurn) -> None:
        """The turn is over: say so, and let the reply out."""
        settings = self._settings
        if self.is_speaking and (not settings.barge_in or is_backchannel(turn.text, settings.backchannels)):
            return
        if not turn.text:
            self._discard_speculation()
            self._answer_unheard(turn)
            return
        if self.is_speaking:
            await self._interrupt()
        reply = self._reply
        if reply is None or not self._is_speculative or not same_words(reply.user_text, turn.text):
            self._discard_speculation()
            self._drop()
            reply = self._answer(turn)
        self._tally.turns += 1
        self.history.add(Message("user", turn.text))
        self._let_out(reply, turn)
        await self._connection.send(UserTranscript(turn.text, final=True))

    def _answer_unheard(self, noise: UserTurn) -> None:
        """`noise` had no words: answer those before it, if they lost their answer to it.

        Not where the noise could not be transcribed: then the user was asked to say it again.
        """
        turn = self._unheard
        if turn is not None and self._reply is None and noise.transcript is not None:
            self._let_out(self._start_answer(turn, self.history.messages()), turn)

    def _let_out(self, reply: Reply, turn: UserTurn) -> None:
        self._unheard = turn
        reply.on_audible = lambda: self._measure(turn, reply)
        reply.open()

    async def consider_interruption(self, turn: UserTurn) -> None:
        """Speech over the agent: a backchannel lets it go on, anything else stops it."""
        settings = self._settings
        if not settings.barge_in or not self.is_speaking or turn.voiced_ms < settings.barge_in_ms:
            return
        if settings.backchannels and turn.voiced_ms < settings.backchannel_ms:
            if not turn.text:
                turn.flush()
                return
            if is_backchannel(turn.text, settings.backchannels):
                return
        await self._interrupt()

    async def _interrupt(self) -> None:
        reply = self._reply
        if reply is None:
            return
        heard = reply.heard()
        self._drop()
        self._tally.interruptions += 1
        self.history.add(Message("assistant", heard))
        await self._connection.send(ReplyEnded(reply.id, interrupted=True, heard=heard))

    def _discard_speculation(self) -> None:
        if self._reply is not None and self._is_speculative:
            self._tally.wasted(self._reply)
            self._drop()

    def _drop(self) -> None:
        """End the reply. What its tools have done is kept."""
        if self._task is not None:
            self._task.cancel()
        if self._reply is not None:
            self.history.add(*self._reply.draft.asides)
        self._reply = self._task = None

    def _answer(self, turn: UserTurn) -> Reply:
        return self._start_answer(turn, self.history.messages(Message("user", turn.text)))

    def _start_answer(self, turn: UserTurn, messages: Sequence[Message]) -> Reply:
        sessions = self._sessions

        def writing(draft: Draft, opened: asyncio.Event) -> AsyncIterator[str]:
            return write(draft, sessions.llm, messages, sessions.tools, opened)

        reply = self._start(turn.text, writing)
        reply.transcript_at = turn.marks.transcript
        return reply

    def _start(self, user_text: str, writing: Writing) -> Reply:
        self._count += 1
        reply = Reply(
            self._count,
            writing,
            self._sessions.tts,
            self._connection,
            max_lead_ms=self._settings.max_lead_ms,
            max_reply_s=self._settings.max_reply_s,
            user_text=user_text,
        )
        self._reply = reply
        self._task = self._group.create_task(self._play(reply))
        return reply

    async def _play(self, reply: Reply) -> None:
        await reply.run()
        if self._reply is not reply:
            return
        self._reply = self._task = self._unheard = None
        heard = reply.draft.text.strip()
        if reply.error is not None:
            self._tally.errors += 1
            heard = reply.heard()
        self.history.add(*reply.draft.asides, Message("assistant", heard))
        await self._connection.send(ReplyEnded(reply.id, interrupted=False, heard=heard))
        judge = self._sessions.completeness
        if judge is not None and judge is not self._sessions.llm:  # that one has the reply in its cache
            self._group.create_task(self._warm(judge))

    async def _measure(self, turn: UserTurn, reply: Reply) -> None:
        self._unheard = None
        origin = turn.marks.voiced_end
        stages = {
            "transcript": reply.transcript_at,
            "first token": reply.draft.first_token_at,
            "first chunk": reply.first_chunk_at,
            "commit": turn.marks.committed,
            "first packet": reply.playout.first_sent_at,
            "first audible": reply.playout.first_audible_at,
        }
        stages_ms = {name: (at - origin) * 1000 for name, at in stages.items() if at is not None}
        total_ms = stages_ms["first audible"]
        self._tally.latencies_ms.append(total_ms)
        await self._connection.send(TurnLatency(reply.id, total_ms, stages_ms))
