"""One conversation's view of the embedded language model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import openai

from vivavoce_api.endings import rescaled, unfinished
from vivavoce_api.language_model import Generated, Message, TextDelta, ToolSpec
from vivavoce_llamacpp.chat import ReplyReader, end_probability, wire_message, wire_tools
from vivavoce_llamacpp.failures import translated
from vivavoce_llamacpp.in_flight import InFlight
from vivavoce_llamacpp.models import ending_odds
from vivavoce_llamacpp.options import LlamaCppOptions

PLACEHOLDER = "\u2042"
"""Stands for the user's words while the model's template is asked what comes before them."""
TOP_LOGPROBS = 20
"""Likeliest next tokens to look at; the rest hold next to nothing of the probability."""
NO_WORDS = "The embedded language model gave no words in time."
NO_MORE_WORDS = "The embedded language model stopped in the middle of the reply."


class LlamaCppSession:
    """A session. Implements `LanguageModelSession`, `WarmsPrefix` and `PredictsEndOfTurn`.

    `client` gives the client for the server as it runs now. `slot` is the server's slot that keeps this conversation's
    prompt; None where all were taken, then the server picks one each time. `released` is called once at the end.
    """

    def __init__(
        self,
        client: Callable[[], openai.AsyncOpenAI],
        options: LlamaCppOptions,
        slot: int | None,
        released: Callable[[int], None],
    ) -> None:
        self._client = client
        self._options = options
        self._slot = slot
        self._released = released
        self._tools: Sequence[ToolSpec] = ()
        self._rendered: tuple[dict[str, Any], str] | None = None
        self._in_flight = InFlight(translated)

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[Generated, None]:
        """Stream one reply. Raises `EngineError`, `EngineUnavailableError` while the server is started again.

        Closing the iterator closes the connection, at which the server stops generating.
        """
        self._tools = tuple(tools)
        reader, due_s, late = ReplyReader(tools), self._first_by_s(), NO_WORDS
        async with self._in_flight.until(due_s, late):
            stream = await self._client().chat.completions.create(
                **self._request(messages, self._options.max_tokens),
                temperature=self._options.temperature,
                stream=True,
                stream_options={"include_usage": True},
            )
        async with self._in_flight.streaming(stream):
            while True:
                async with self._in_flight.until(due_s, late):
                    chunk = await anext(stream, None)
                if chunk is None:
                    break
                if text := reader.read(chunk):
                    yield TextDelta(text)
                if reader.begun:
                    due_s, late = self._time_s() + self._options.token_timeout_s, NO_MORE_WORDS
            for item in reader.rest():
                yield item

    async def warm(self, messages: Sequence[Message]) -> None:
        """Fill the prompt cache: a request for one token. Cancelling stops it at the server."""
        async with self._in_flight.until(self._first_by_s(), NO_WORDS):
            await self._client().chat.completions.create(**self._request(messages, 1))

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """How likely the user's last message is complete, 0 to 1.

        The model continues that message by one token; what counts is the probability that it ends there, on the scale
        of the turn model (`ENDING_ODDS`). 0 where nothing was said. Raises `EngineError`.
        """
        if not messages or messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        said = unfinished(messages)
        if not said[-1].content:
            return 0.0
        async with self._in_flight.until(self._first_by_s(), NO_WORDS):
            prompt = await self._prompt_before(said[:-1]) + said[-1].content
            completion = await self._client().completions.create(
                model="", prompt=prompt, max_tokens=1, logprobs=TOP_LOGPROBS, extra_body=self._caching()
            )
        odds = ending_odds(self._options.model, self._options.reads_user_as)
        return rescaled(end_probability(completion), odds)

    async def _prompt_before(self, messages: Sequence[Message]) -> str:
        """The prompt, as the model's template writes it, up to the first word of what is said after `messages`.

        The newest rendering is kept: a turn asks many times.
        """
        asked = {"messages": [wire_message(message) for message in messages], **wire_tools(self._tools)}
        if self._rendered is None or self._rendered[0] != asked:
            words = {"role": "user", "content": PLACEHOLDER}
            body = {**asked, "messages": [*asked["messages"], words], "add_generation_prompt": False}
            if self._options.reads_user_as == "assistant":
                body["continue_final_message"] = True  # the server continues any message as the assistant's
            client = self._client()
            url = str(client.base_url.join("/apply-template"))
            answer = await client.post(url, body=body, cast_to=dict[str, str])
            self._rendered = asked, answer["prompt"].rpartition(PLACEHOLDER)[0]
        return self._rendered[1]

    async def close(self) -> None:
        """End the session and what it is generating. Idempotent."""
        await self._in_flight.close()
        if self._slot is not None:
            self._released(self._slot)
            self._slot = None

    def _request(self, messages: Sequence[Message], max_tokens: int) -> Any:
        return {
            "model": "",
            "messages": [wire_message(message) for message in messages],
            "max_tokens": max_tokens,
            "extra_body": self._caching(),
            **wire_tools(self._tools),
        }

    def _caching(self) -> dict[str, Any]:
        return {"cache_prompt": True} if self._slot is None else {"cache_prompt": True, "id_slot": self._slot}

    def _first_by_s(self) -> float:
        return self._time_s() + self._options.first_token_timeout_s

    @staticmethod
    def _time_s() -> float:
        return asyncio.get_running_loop().time()
