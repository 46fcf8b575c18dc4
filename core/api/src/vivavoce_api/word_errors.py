"""How far a transcript is from what was said: counted, so that the errors of many clips can be added up."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_NOT_WORD = re.compile(r"[^\w']+|_")


@dataclass(frozen=True, slots=True)
class WordErrors:
    """`edits` (substitutions, insertions, deletions) against a text of `words` words."""

    edits: int = 0
    words: int = 0

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(self.edits + other.edits, self.words + other.words)


def count_word_errors(reference: str, hypothesis: str) -> WordErrors:
    """The errors of `hypothesis`. Case, punctuation and the form of apostrophes don't count; "10" isn't "ten"."""
    said, heard = _words(reference), _words(hypothesis)
    return WordErrors(_edits(said, heard), len(said))


def word_error_rate(reference: str, hypothesis: str) -> float:
    """Edits per word of `reference`. Without any reference word it is 0 for an empty hypothesis, else 1."""
    errors = count_word_errors(reference, hypothesis)
    return errors.edits / errors.words if errors.words else float(errors.edits > 0)


def _words(text: str) -> list[str]:
    text = unicodedata.normalize("NFKC", text).replace("’", "'").lower()
    return [word for raw in _NOT_WORD.split(text) if (word := raw.strip("'"))]


def _edits(said: Sequence[str], heard: Sequence[str]) -> int:
    """Levenshtein distance, one row at a time."""
    row = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(heard, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1]
