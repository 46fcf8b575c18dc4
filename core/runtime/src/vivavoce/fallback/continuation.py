"""Going on in the middle of a reply: what of its text was already said, as far as the spans tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vivavoce_api import SpokenSpan

SLACK_MS = 40.0
"""A span that lacks no more than this of its end counts as said."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """`text_from`: the character at which to go on. The first `repeated` characters from there, white space aside,
    were announced by a span that was cut off; they are said again."""

    text_from: int
    repeated: int = 0


def continuation(text: str, spans: Sequence[SpokenSpan], given_ms: float) -> Continuation | None:
    """Where to go on in `text` when so much of its sound was given; None where the spans don't tell."""
    if not spans or not _bare(text).startswith(_bare("".join(span.text for span in spans))):
        return None
    said = sum(len(_bare(span.text)) for span in spans if span.end_ms <= given_ms + SLACK_MS)
    announced = sum(len(_bare(span.text)) for span in spans)
    return Continuation(_position(text, said), announced - said)


class SpansOfTheRest:
    """Fits the spans of the engine that goes on into those of the reply.

    They begin `offset_ms` later, and the characters that are said again are in a span already.
    """

    def __init__(self, offset_ms: float, repeated: int) -> None:
        self._offset_ms = offset_ms
        self._repeated = repeated

    def fit(self, spans: Sequence[SpokenSpan]) -> tuple[SpokenSpan, ...]:
        """The next spans of the engine that goes on, as spans of the reply."""
        return tuple(fitted for span in spans if (fitted := self._fit_one(span)) is not None)

    def _fit_one(self, span: SpokenSpan) -> SpokenSpan | None:
        characters = len(_bare(span.text))
        skipped = min(self._repeated, characters)
        self._repeated -= skipped
        if skipped and skipped == characters:
            return None
        start_ms = span.start_ms + (span.end_ms - span.start_ms) * (skipped / characters if characters else 0)
        text = span.text[_position(span.text, skipped) :].strip()
        return SpokenSpan(text, start_ms + self._offset_ms, span.end_ms + self._offset_ms)


def _bare(text: str) -> str:
    return "".join(text.split())


def _position(text: str, characters: int) -> int:
    """Where the first so many characters of `text`, white space aside, end."""
    for position, character in enumerate(text):
        if not characters:
            return position
        characters -= not character.isspace()
    return len(text)
