"""A text as a language model writes it: in pieces of a token's size, at a token's pace."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

_PIECE = re.compile(r"\s*\S{1,6}|\s+$")


def pieces_of(text: str) -> list[str]:
    """Pieces that join to the text: a word with the white space before it, a long word in parts of six letters."""
    return _PIECE.findall(text)


async def written(text: str, begin_s: float, tokens_per_s: float) -> AsyncIterator[str]:
    """The pieces of `text`, each when it is written: the first at `begin_s` of the loop's clock.

    The pace doesn't depend on the reader's: what was not fetched in time is there at once. At 0 tokens a second all
    of the text comes as one piece.
    """
    pieces = pieces_of(text) if tokens_per_s else [text]
    for number, piece in enumerate(pieces):
        at_s = begin_s + (number / tokens_per_s if tokens_per_s else 0.0)
        await asyncio.sleep(max(0.0, at_s - asyncio.get_running_loop().time()))
        yield piece
