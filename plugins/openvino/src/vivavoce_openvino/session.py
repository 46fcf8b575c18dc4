"""One conversation's view of the embedded language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

import numpy as np

from vivavoce_api import EngineError
from vivavoce_api.endings import rescaled, unpunctuated
from vivavoce_api.language_model import Generated, Message, TextDelta, ToolSpec, Usage
from vivavoce_openvino.chat import Chat, next_token
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.weights import ENDING_ODDS

if TYPE_CHECKING:
    from vivavoce_openvino.context import Context, Reading
    from vivavoce_openvino.ending import EndingHead

T = TypeVar("T")
OPENING_TOKENS = 2
"""Replies tend to begin alike ("Oh,"). So many tokens of the last one are read along, on trial, where it is asked if
the message is over, and where the reply is asked for at once: one that begins so, too, has these without a pass for
each."""
STEP_TOKENS = 64
"""Of a long prompt read in one step, 0.3 to 0.5 s; after each, others have their turn, and a cancelled request ends."""
INCOMPLETE = "\ufffd"


class Model(Protocol):
    """What a session needs of the engine."""

    chat: Chat
    head: EndingHead | None
    opening: Sequence[int]
    """How the last reply to anybody began."""

    async def run(self, step: Callable[..., T], *args: object) -> T:
        """One step in the model's thread."""
        ...


class OpenVinoSession:
    """A session. Implements `LanguageModelSession`, `WarmsPrefix` and `PredictsEndOfTurn`.

    What asks for the model gives all tokens each time, and the model reads those that it has not read: so requests of
    one session that overlap, or that were given up half-way, cost time but never change what is said.
    """

    def __init__(self, model: Model, options: OpenVinoOptions, context: Context) -> None:
        self._model = model
        self._options = options
        self._context: Context | None = context
        self._random = np.random.default_rng()
        self._reading = asyncio.Lock()

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[Generated, None]:
        """Stream one reply. Closing the iterator or cancelling ends it with the running step. Raises `EngineError`."""
        prompt = await self._step(self._chat.reply_prompt, messages)
        cached = self._opened.common(prompt)
        async with self._reading:
            await self._read_most(prompt)
        written: list[int] = []
        said = ""
        while len(written) < min(self._options.max_tokens, self._options.context_tokens - len(prompt)):
            token, text = await self._step(self._continue, self._opened, prompt, written)
            written.append(token)
            if self._chat.stops(token):
                break
            if len(written) == OPENING_TOKENS:
                self._model.opening = tuple(written)
            if len(text) > len(said) and not text.endswith(INCOMPLETE):
                yield TextDelta(text[len(said) :])
                said = text
        yield Usage(len(prompt), len(written), cached)

    async def warm(self, messages: Sequence[Message]) -> None:
        """Read these messages. Raises `EngineError`."""
        tokens = await self._step(self._chat.prompt, messages)
        async with self._reading:
            await self._read_most(tokens)
            await self._step(self._opened.read, tokens)

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """How likely the user's last message is complete, 0 to 1.

        What counts is whether the message ends after its last word, as the model's head finds (`ending.py`; without
        one, the probability of a token that ends it), on the scale of the turn model (`ENDING_ODDS`). 0 where nothing
        was said. The same pass reads on to where the reply would begin: a reply to these very messages has its first
        token without another, and the next two if it begins like the last reply. Raises `EngineError`.
        """
        if not messages or messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        if not unpunctuated(messages[-1].content):
            return 0.0
        said = await self._step(self._chat.message_prompt, messages)
        prompt = await self._step(self._chat.reply_prompt, messages)
        async with self._reading:
            await self._read_most(prompt)
            probability = await self._step(self._judge, self._opened, said, prompt)
        return rescaled(probability, ENDING_ODDS.get(self._options.model, 1.0))

    async def close(self) -> None:
        """End the session; a reply that is being written ends with an error. Idempotent."""
        self._context = None

    def _continue(self, context: Context, prompt: list[int], written: list[int]) -> tuple[int, str]:
        if not written and context.common(prompt) < len(prompt):
            self._read_along(context, prompt)
        tokens = [*prompt, *written]
        token = next_token(context.read(tokens).logits[0], self._options.temperature, self._random)
        return token, self._chat.text([*written, token])

    def _judge(self, context: Context, said: list[int], prompt: list[int]) -> float:
        continues = prompt[: len(said)] == said  # punctuation may change the last word's tokens
        reading = self._read_along(context, prompt, len(said)) if continues else context.read(said)
        ending = self._chat.end_probability(reading.logits[0])
        if self._model.head is None or reading.states is None:
            return ending
        return self._model.head.probability(reading.states[0], ending)

    def _read_along(self, context: Context, prompt: list[int], *after: int) -> Reading:
        """Read a reply's prompt and, on trial, how the last reply began: what follows on the first n tokens.

        That is for each n of `after`, of the prompt, and with each token of the trial.
        """
        trial = [*prompt, *self._model.opening]
        return context.read(trial, *after, *range(len(prompt), len(trial) + 1))

    async def _read_most(self, tokens: list[int]) -> None:
        """Read all but the last `STEP_TOKENS` or fewer, which cost no more than one."""
        if len(tokens) >= self._options.context_tokens:
            raise EngineError(
                f"The conversation is too long for the embedded language model: {len(tokens)} tokens of"
                f" {self._options.context_tokens}.",
                fix="start a new conversation, or raise llm.context_tokens",
            )
        while len(tokens) - (known := self._opened.common(tokens)) > STEP_TOKENS:
            await self._step(self._opened.read, tokens[: known + STEP_TOKENS])

    async def _step(self, step: Callable[..., T], *args: object) -> T:
        result = await self._model.run(step, *args)
        _ = self._opened
        return result

    @property
    def _opened(self) -> Context:
        if self._context is None:
            raise EngineError("The session with the language model is closed.")
        return self._context

    @property
    def _chat(self) -> Chat:
        return self._model.chat
