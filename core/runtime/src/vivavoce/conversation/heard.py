"""What was heard of a reply that was cut off."""

from __future__ import annotations

from collections.abc import Sequence

from vivavoce_api import SpokenSpan

# English speech runs at about 15 characters a second; used only where a voice times nothing at all.
MS_PER_CHARACTER = 65.0


def heard_text(text: str, spans: Sequence[SpokenSpan], played_ms: float) -> str:
    """The part of `text` that sounded within the first `played_ms` milliseconds of a reply's audio.

    Exact to the span where `spans` are words; within a longer span, and without spans, words are counted in
    proportion to the time. A word counts as heard once half of it sounded.
    """
    if not spans:
        return _first_words(text, played_ms / MS_PER_CHARACTER)
    pieces = []
    for span in spans:
        if span.end_ms <= played_ms:
            pieces.append(span.text)
            continue
        if span.start_ms < played_ms:
            share = (played_ms - span.start_ms) / (span.end_ms - span.start_ms)
            pieces.append(_first_words(span.text, share * len(span.text)))
        break
    return " ".join(piece for piece in pieces if piece)


def _first_words(text: str, characters: float) -> str:
    kept, position = [], 0
    for word in text.split():
        if position + len(word) / 2 > characters:
            break
        kept.append(word)
        position += len(word) + 1
    return " ".join(kept)
