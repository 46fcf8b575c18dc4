"""The text iterator that VoXtream reads while it speaks: a word at a time, never too far ahead, never too much at once.

VoXtream asks it for text before every chunk until it ends. `None` says "nothing yet": it goes on where it has phones
enough to look ahead to, else it asks again after 10 ms. A generation ends at 59.9 s whatever is left of the text; so
a long reply is spoken in several, each of which ends at a sentence or clause. For that, and to say which word sounds
when, words are only handed over shortly before they are spoken, and their phones are counted.
"""

from __future__ import annotations

import queue
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from vivavoce_api import EngineError, SpokenSpan
from vivavoce_voxtream.configuration import CHUNK_MS, MOST_PHONES_A_CHUNK
from vivavoce_voxtream.sample import VoiceSample
from vivavoce_voxtream.utterance import Utterance
from vivavoce_voxtream.wording import ends_clause, ends_sentence, speakable

PHONES_AHEAD = 30
"""Enough to sound the same as with all the text: six layers of the phone encoder that look five phones ahead each."""
END_AT_SENTENCE, END_AT_CLAUSE, END_AT_WORD = 480, 560, 620
"""Chunks after which a generation ends with the next sentence (38 s), clause (45 s), word (50 s). What was handed over
by then takes up to 120 more at the slowest usual pace (two syllables, or five phones, a second); 749 are possible."""
CHUNKS_BEHIND = 2
"""The sound of a chunk belongs to the phones that were reported with the second chunk before it: the position is that
of the next step, and the codec's acoustic tokens run one step late."""


class OtherVoiceError(Exception):
    """The utterance that came wants another voice than the generator was armed with."""


class NothingToSayError(Exception):
    """The text ended without a word that could be spoken. (VoXtream would make a sound of it.)"""


@dataclass(frozen=True, slots=True)
class HandedWord:
    """A word that the generator has: as it was written, and where its phones lie."""

    text: str
    first_phone: int
    phones: int


@dataclass(frozen=True, slots=True)
class Continuation:
    """The rest of an utterance: words that were taken and not begun to be spoken, and where its sound goes on.

    `text_ended`: there are no others.
    """

    utterance: Utterance
    words: tuple[str, ...] = ()
    text_ended: bool = False
    start_ms: float = 0.0


class Feed:
    """The text of one generation, which begins armed: the first `next` waits for an utterance, and for its first word.

    `next_utterance` blocks; `phones_in(word)` counts what the model will make of it; `on_begin` is called before the
    first word. With `continued` it begins in the middle of an utterance. `utterance` is what is being spoken, None
    while armed. Lives in the generator's thread.
    """

    def __init__(
        self,
        next_utterance: Callable[[], Utterance],
        phones_in: Callable[[str], int],
        voice: VoiceSample,
        *,
        on_begin: Callable[[], None] = lambda: None,
        continued: Continuation | None = None,
    ) -> None:
        self._next_utterance = next_utterance
        self._phones_in = phones_in
        self._voice = voice
        self._on_begin = on_begin
        self.utterance = continued.utterance if continued else None
        self._carried = deque(continued.words if continued else ())
        self._text_ended = continued.text_ended if continued else False
        self._start_ms = continued.start_ms if continued else 0.0
        self._unspoken = ""
        self._handed: deque[HandedWord] = deque()
        self._last_word = ""
        self._phones = 0
        self._position = 0
        self._chunks = 0
        self._words_begun = 0
        self._asked_in_vain = False
        self._ended = False

    def __iter__(self) -> Feed:
        return self

    def __next__(self) -> str | None:
        if self.utterance is None:
            self.utterance = self._next_utterance()
        self.utterance.check()
        if self.utterance.voice.key != self._voice.key:
            raise OtherVoiceError
        if self._phones - self._position >= PHONES_AHEAD:
            return None
        if self._ended or self._is_long_enough():
            self._ended = True
            raise StopIteration
        return self._next_word(self.utterance)

    def _next_word(self, utterance: Utterance) -> str | None:
        """The next word that can be spoken; None where there is none yet and the generator can go on without."""
        while True:
            wait = self._asked_in_vain or not self._phones
            try:
                word = self._take_word(utterance, wait)
            except queue.Empty:
                self._asked_in_vain = True
                return None
            if word is None:
                self._text_ended = self._ended = True
                if not self._phones:
                    raise NothingToSayError
                raise StopIteration
            if spoken := self._hand_over(word):
                return spoken

    def _take_word(self, utterance: Utterance, wait: bool) -> str | None:
        if self._carried:
            return self._carried.popleft()
        return None if self._text_ended else utterance.take_word(wait=wait)

    def _hand_over(self, word: str) -> str:
        """Note a word; returns what of it is to be spoken. Where that is nothing, its spelling goes with the next."""
        self._unspoken = f"{self._unspoken} {word}".strip()
        spoken = speakable(word)
        phones = self._phones_in(spoken) if spoken else 0
        if not phones:
            return ""
        if not self._phones:
            self._on_begin()
        self._asked_in_vain = False
        self._handed.append(HandedWord(self._unspoken, self._phones, phones))
        self._phones += phones
        self._last_word, self._unspoken = word, ""
        return spoken

    def _is_long_enough(self) -> bool:
        if self._chunks < END_AT_SENTENCE:
            return False
        if self._chunks < END_AT_CLAUSE:
            return ends_sentence(self._last_word)
        return self._chunks >= END_AT_WORD or ends_clause(self._last_word)

    def chunk_made(self, phone_position: int) -> list[SpokenSpan]:
        """The generator made a chunk and will go on at this phone (counted from 1): the words that begin with it.

        Where a word ends is estimated at a phone a chunk (English speech has 12 or so a second), but never later than
        all that was handed over can have been spoken.
        """
        self._chunks += 1
        self._asked_in_vain = False
        self._position = max(self._position, phone_position)
        spans = []
        start_ms = self._start_ms + (self._chunks - 1 + CHUNKS_BEHIND) * CHUNK_MS
        while self._handed and self._handed[0].first_phone < self._position:
            word = self._handed.popleft()
            self._words_begun += 1
            soonest = -(-(self._phones - word.first_phone) // MOST_PHONES_A_CHUNK)
            spans.append(SpokenSpan(word.text, start_ms, start_ms + min(word.phones, soonest) * CHUNK_MS))
        return spans

    def continuation(self) -> Continuation | None:
        """What the next generation must go on with, once this one has ended; None where all was spoken.

        Raises `EngineError` where this one spoke no word, so that the next would not either.
        """
        words = (*(word.text for word in self._handed), *self._carried)
        if self.utterance is None or (self._text_ended and not words):
            return None
        if not self._words_begun:
            raise EngineError("VoXtream fell silent before the first word", retryable=True)
        return Continuation(self.utterance, words, self._text_ended, self._start_ms + self._chunks * CHUNK_MS)
