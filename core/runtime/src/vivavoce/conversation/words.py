"""Comparing what was said: form aside, are these the same words?"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORD = re.compile(r"[\w']+")


def words(text: str) -> list[str]:
    """The words, lower-cased, without punctuation."""
    return _WORD.findall(text.lower().replace("’", "'"))


def same_words(one: str, other: str) -> bool:
    """Whether two transcripts differ in form (case, punctuation, spacing) at most."""
    return words(one) == words(other)


def is_backchannel(text: str, backchannels: Sequence[str]) -> bool:
    """Whether all of `text` is made of such words as "mhm" or "I see", in any order and number."""
    rest = " ".join(words(text))
    if not rest:
        return False
    for phrase in sorted((" ".join(words(b)) for b in backchannels), key=len, reverse=True):
        rest = re.sub(rf"\b{re.escape(phrase)}\b", " ", rest) if phrase else rest
    return not rest.strip()
