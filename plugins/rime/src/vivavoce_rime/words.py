"""When each written word of a clause sounds."""

from __future__ import annotations

from difflib import SequenceMatcher

from vivavoce_api import SpokenSpan
from vivavoce_rime.heard import TimedWord, WordTimes

MS_PER_CHARACTER = 65.0
"""English speech runs at about 15 characters a second; corrected by what a conversation's clauses really took."""

Times = tuple[float, float]


def weight(text: str) -> int:
    """How much of a text there is to say, in characters that sound."""
    return sum(character.isalnum() for character in text)


class WordClock:
    """The words of one clause as they were written, and their times.

    At first the times are estimated from the words' lengths, for the service tells them late, or (over HTTP, in some
    languages) never; what it tells replaces what was not yet handed out.
    """

    def __init__(self, text: str, start_ms: float, ms_per_character: float) -> None:
        self._words = text.split()
        self._start_ms = start_ms
        self._ms_per_character = ms_per_character
        self._spoken: list[TimedWord] = []
        self._given = 0
        self._latest_ms = 0.0
        self._times = self._estimated(self._words, 0.0)

    def tell(self, times: WordTimes) -> None:
        """Take the service's times; further ones go on where those before ended, also where they count from 0 again."""
        shift_ms = 0.0
        if self._spoken and times.words and times.words[0].start_ms < self._spoken[-1].start_ms:
            shift_ms = self._spoken[-1].end_ms
        self._spoken += [TimedWord(w.text, w.start_ms + shift_ms, w.end_ms + shift_ms) for w in times.words]
        known = aligned(self._words, self._spoken)
        last_ms = known[-1][1] if known else 0.0
        self._times = known + self._estimated(self._words[len(known) :], last_ms)

    def begun(self, position_ms: float) -> tuple[SpokenSpan, ...]:
        """The words that begin within the first `position_ms` of the clause's sound and were not handed out yet.

        The first word is always among them, so that a listener knows from the first sound on what is said.
        """
        spans = []
        while self._given < len(self._words):
            start_ms, end_ms = self._times[self._given]
            if start_ms >= position_ms and self._given > 0:
                break
            spans.append(self._span(start_ms, end_ms if self._spoken else min(end_ms, position_ms)))
        return tuple(spans)

    def rest(self, duration_ms: float) -> tuple[SpokenSpan, ...]:
        """All further words, none of them beyond the end of the sound."""
        return tuple(
            self._span(min(start_ms, duration_ms), min(end_ms, duration_ms))
            for start_ms, end_ms in self._times[self._given :]
        )

    def _span(self, start_ms: float, end_ms: float) -> SpokenSpan:
        word = self._words[self._given]
        self._given += 1
        self._latest_ms = max(self._latest_ms, start_ms)
        return SpokenSpan(word, self._start_ms + self._latest_ms, self._start_ms + max(self._latest_ms, end_ms))

    def _estimated(self, words: list[str], from_ms: float) -> list[Times]:
        times = []
        for word in words:
            # One more for the space; a dash or an emoji takes no time.
            until_ms = from_ms + (weight(word) + 1) * self._ms_per_character * bool(weight(word))
            times.append((from_ms, until_ms))
            from_ms = until_ms
        return times


def aligned(written: list[str], spoken: list[TimedWord]) -> list[Times]:
    """Times of the written words, as far as the spoken ones reach, in milliseconds.

    Words that are equal but for case and punctuation are matched; between matches, the time of the spoken words
    ("five dollars") is shared out over the written ones ("$5") by their length. Written words without any spoken
    counterpart in between (a dash) take no time; behind the last match they are left out.
    """
    matcher = SequenceMatcher(None, [_plain(word) for word in written], [_plain(w.text) for w in spoken], False)
    times: list[Times] = []
    for operation, i1, i2, j1, j2 in matcher.get_opcodes():
        if operation == "equal":
            times += [(word.start_ms, word.end_ms) for word in spoken[j1:j2]]
        elif operation == "replace":
            times += _shared_out(written[i1:i2], spoken[j1].start_ms, spoken[j2 - 1].end_ms)
        elif operation == "delete" and i2 < len(written):
            at_ms = spoken[j1].start_ms if j1 < len(spoken) else 0.0
            times += [(at_ms, at_ms)] * (i2 - i1)
    return times


def _shared_out(words: list[str], start_ms: float, end_ms: float) -> list[Times]:
    weights = [max(1, weight(word)) for word in words]
    step_ms = (end_ms - start_ms) / sum(weights)
    times, at_ms = [], start_ms
    for share in weights:
        times.append((at_ms, at_ms + share * step_ms))
        at_ms += share * step_ms
    return times


def _plain(word: str) -> str:
    return "".join(character for character in word.casefold() if character.isalnum()) or word
