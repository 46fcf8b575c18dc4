"""A language model that says the same each time."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence

from vivavoce_api import Generated, Message, SessionContext, TextDelta, ToolSpec, Usage
from vivavoce_simulated.closing import Closing
from vivavoce_simulated.faults import Faults
from vivavoce_simulated.options import LanguageModelOptions

_TOKEN = re.compile(r"\s*\S+\s*$|\s*\S+")


def tokens_of(text: str) -> list[str]:
    """Words, each with the white space before it; they join to the text."""
    return _TOKEN.findall(text)


class SimulatedLanguageModel:
    """The engine: nothing but its options."""

    max_sessions = None

    def __init__(self, options: LanguageModelOptions) -> None:
        self._options = options
        self._tokens = tokens_of(options.reply)
        self._faults = Faults(options)

    async def open_session(self, context: SessionContext) -> SimulatedLanguageModelSession:
        """Open a session."""
        self._faults.open()
        return SimulatedLanguageModelSession(self._options, self._tokens, self._faults)

    async def close(self) -> None:
        """Nothing to free."""


class SimulatedLanguageModelSession:
    """Token n comes `first_token_ms` + n * `token_ms` after the request, whatever the pace of its reader."""

    def __init__(self, options: LanguageModelOptions, tokens: Sequence[str], faults: Faults) -> None:
        self._options = options
        self._tokens = tokens
        self._faults = faults
        self._closing = Closing()

    async def generate(self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()) -> AsyncIterator[Generated]:
        """Stream the reply, then its usage (words for tokens). Closing ends it at once."""
        await self._faults.begin(self._closing)
        began_s = asyncio.get_running_loop().time()
        for number, token in enumerate(self._tokens):
            delay_ms = self._options.first_token_ms + number * self._options.token_ms
            self._faults.after(number)
            await self._closing.sleep_until(began_s + delay_ms / 1000)
            yield TextDelta(token)
        yield Usage(sum(len(message.content.split()) for message in messages), len(self._tokens))

    async def warm(self, messages: Sequence[Message]) -> None:
        """Take as long as the first token would; later replies come no sooner for it."""
        await self._closing.sleep_until(asyncio.get_running_loop().time() + self._options.first_token_ms / 1000)

    async def close(self) -> None:
        """End what runs with an `EngineError`."""
        self._closing.close()
