"""What a voice should say for a written text: no Markdown, no emoji, addresses in words."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*(?:\s[^)]*)?\)")
_ADDRESS = re.compile(
    r"<?\b(?:https?://(?:www\.)?|www\.)([\w-]+(?:\.[\w-]+)+)(?::\d+)?[^\s<>]*?(?=[.,;:!?)\]\"']*(?:[\s<>]|$))>?"
)
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|>\s*|[-*+•]\s+|(?:[-*_=]\s*){3,}$|```\w*\s*$)+", re.MULTILINE)
_TIMES = re.compile(r"(?<=\d)\s*\*\s*(?=\d)")
_MARKS = re.compile(r"[*`~]+|(?<!\w)_+|_+(?!\w)")
_INNER_MARKS = re.compile(r"(?<=\w)_+(?=\w)|\s*\|\s*")
_SPACE = re.compile(r"\s+")


def readable(text: str) -> str:
    """The words to say; empty when there are none: neither letters of the Latin script nor digits.

    The voice is English: it would spell Cyrillic letter by letter, so words in other scripts are left out.
    """
    text = _LINK.sub(r"\1", unicodedata.normalize("NFC", text))
    text = _ADDRESS.sub(lambda match: match[1].replace(".", " dot "), text)
    text = _TIMES.sub(" times ", _LINE_START.sub("", text))
    text = _INNER_MARKS.sub(" ", _MARKS.sub("", text))
    text = _SPACE.sub(" ", "".join(_spoken(character) for character in text)).strip()
    return text if any(character.isalnum() for character in text) else ""


def _spoken(character: str) -> str:
    """The character if the voice knows what to do with it, else nothing (between words: a space)."""
    if character.isascii() or character in "°…–—‘’“”«»€£¥¢½¼¾×÷²³":
        return character
    category = unicodedata.category(character)
    if category == "Zs":
        return " "
    if category in {"Cf", "Mn", "Me"}:
        return ""
    return character if category[0] == "L" and unicodedata.name(character, "").startswith("LATIN") else " "
