"""For language models that judge whether a message is over: its words, and the tokens that would end it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from vivavoce_api.language_model import Message

_ENDS_SENTENCE = tuple(".?!…。？！")
_GUESSED = "".join(_ENDS_SENTENCE) + ",;:- \t\n"
_SPECIAL_TOKEN = re.compile(r"<\|.*\|>|</s>|<eos>|<end_of_turn>")


def unpunctuated(text: str) -> str:
    """The text without the punctuation at its end, which transcribers like to guess."""
    return text.rstrip(_GUESSED)


def unfinished(messages: Sequence[Message]) -> list[Message]:
    """The same messages, the last `unpunctuated`."""
    last = messages[-1]
    return [*messages[:-1], Message(last.role, unpunctuated(last.content))]


def ends_message(token: str) -> bool:
    """Whether a token closes a sentence, a line or the message; special tokens come by name or as empty text."""
    if token == "" or "\n" in token or _SPECIAL_TOKEN.fullmatch(token):
        return True
    return token.strip().startswith(_ENDS_SENTENCE)


def rescaled(probability: float, odds: float) -> float:
    """The probability, 0 to 1, whose odds are `odds` times those of `probability`: onto the turn model's scale."""
    return probability * odds / (1 - probability + probability * odds)
