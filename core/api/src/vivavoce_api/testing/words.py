"""How far a transcript is from what was said."""

from __future__ import annotations

import re
import unicodedata

_NOT_WORD = re.compile(r"[^\w']+|_")


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Word error rate of `hypothesis`: edits (substitutions, insertions, deletions) per word of `reference`.

    Case, punctuation and the form of apostrophes don't count; "10" and "ten" are different words. Without
    any reference word it is 0 for an empty hypothesis, else 1.
    """
    said, heard = _words(reference), _words(hypothesis)
    if not said:
        return float(bool(heard))
    return _edits(said, heard) / len(said)


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return [word for raw in _NOT_WORD.split(text) if (word := raw.strip("'"))]


def _edits(said: list[str], heard: list[str]) -> int:
    """Levenshtein distance, one row at a time."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
