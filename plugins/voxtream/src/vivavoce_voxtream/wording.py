"""From the pieces that a language model writes to the words that VoXtream is handed."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import AsyncIterator

LONGEST_WORD = 100
"""Characters without white space after which a word is cut: an address, or a model that runs wild."""

_SPACE = re.compile(r"\s+")
_MARKDOWN = re.compile(r"[*_`~#|]+")
_CLOSERS = "\"'”’»)]*_"


async def whole_words(text: AsyncIterator[str]) -> AsyncIterator[str]:
    """The words of a streamed text, each as it was written with the punctuation that clings to it.

    A word is given as soon as white space follows it, the last one when the text ends. What `text` raises comes
    through; closing leaves `text` to its owner.
    """
    rest = ""
    async for piece in text:
        *words, rest = _SPACE.split(rest + piece)
        for word in words:
            for part in _parts(word):
                yield part
        while len(rest) > LONGEST_WORD:
            yield rest[:LONGEST_WORD]
            rest = rest[LONGEST_WORD:]
    for part in _parts(rest):
        yield part


def _parts(word: str) -> list[str]:
    return [word[start : start + LONGEST_WORD] for start in range(0, len(word), LONGEST_WORD)]


def speakable(word: str) -> str:
    """The word without Markdown, emoji and letters of other scripts than Latin; may be empty.

    VoXtream speaks English: eSpeak would say "Chinese letter" for each character, or the name of an emoji.
    """
    kept = "".join(map(_kept, unicodedata.normalize("NFC", _MARKDOWN.sub("", word))))
    return kept if any(character.isalnum() for character in kept) else ""


def _kept(character: str) -> str:
    if character.isascii():
        return character
    if character.isalpha():
        return character if unicodedata.name(character, "").startswith("LATIN") else ""
    return character if character in "’‘“”«»…—–£€¥¿¡°" else ""


def ends_sentence(word: str) -> bool:
    """Whether a sentence ends with this word, as far as its punctuation tells."""
    return word.rstrip(_CLOSERS).endswith((".", "!", "?", "…"))


def ends_clause(word: str) -> bool:
    """Whether a clause or a sentence ends with this word."""
    return ends_sentence(word) or word.rstrip(_CLOSERS).endswith((",", ";", ":", "—", "–"))
