"""One conversation's language model, behind a server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import Any

import openai

from vivavoce_api.endings import unfinished
from vivavoce_api.errors import EngineBusyError, EngineError, EngineUnavailableError
from vivavoce_api.language_model import Generated, Message, TextDelta, ToolSpec
from vivavoce_vllm.chat import ReplyReader, end_probability, wire_message, wire_tools
from vivavoce_vllm.failures import ContextOverflow, UnknownModel, translated
from vivavoce_vllm.in_flight import InFlight
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.readiness import unknown_model
from vivavoce_vllm.servers import Server
from vivavoce_vllm.shortening import Shortening

FIRST_PAUSE_S = 0.1
"""Wait before the first retry; each further one doubles it."""
TOP_LOGPROBS = 20
"""Likeliest next tokens to ask for; more than 20 vLLM refuses by default (`--max-logprobs`)."""


class VllmSession:
    """A session with one server. Implements `LanguageModelSession` and `WarmsPrefix`."""

    def __init__(self, client: openai.AsyncOpenAI, server: Server, options: VllmOptions) -> None:
        self._client = client
        self._server = server
        self._options = options
        self._model = options.model
        self._headers: Any = {} if server.api_key else {"Authorization": openai.omit}
        self._tools: Sequence[ToolSpec] = ()
        self._shortening = Shortening()
        self._in_flight = InFlight(
            lambda error: translated(error, self._server, self._model, self._options.api_key_env)
        )

    async def generate(
        self, messages: Sequence[Message], tools: Sequence[ToolSpec] = ()
    ) -> AsyncGenerator[Generated, None]:
        """Stream one reply; sent again, before its first item only, when the server is away or too busy.

        A conversation that is too long for the model is sent once more without its middle; the instructions and what
        was said last stay.

        Raises `EngineError`. Closing the iterator closes the connection, at which the server stops generating.
        """
        self._tools = tuple(tools)
        first_by_s = self._time_s() + self._options.first_token_timeout_s
        begun = shortened = False
        while True:
            try:
                async with aclosing(self._attempts(messages, first_by_s)) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except ContextOverflow:
                if begun or shortened or not self._shortening.cut(messages):
                    raise
                shortened = True
            except UnknownModel as error:
                raise await self._named(error) from error

    async def warm(self, messages: Sequence[Message]) -> None:
        """Fill the server's prefix cache: a request for one token. Nothing where `warm_prefix` is off."""
        if self._options.warm_prefix:
            await self._complete(messages, {})

    async def close(self) -> None:
        """End the session and what it is generating. Idempotent."""
        await self._in_flight.close()

    async def _attempts(self, messages: Sequence[Message], first_by_s: float) -> AsyncGenerator[Generated, None]:
        for attempt in range(self._options.retries + 1):
            begun = False
            try:
                async with aclosing(self._attempt(messages, first_by_s)) as items:
                    async for item in items:
                        begun = True
                        yield item
                return
            except (EngineUnavailableError, EngineBusyError):
                pause_s = FIRST_PAUSE_S * 2**attempt
                if begun or attempt == self._options.retries or self._time_s() + pause_s >= first_by_s:
                    raise
            async with self._in_flight.until(first_by_s, self._late):
                await asyncio.sleep(pause_s)

    async def _attempt(self, messages: Sequence[Message], first_by_s: float) -> AsyncGenerator[Generated, None]:
        reader, due_s, late = ReplyReader(), first_by_s, self._late
        async with self._in_flight.until(due_s, late):
            stream = await self._client.chat.completions.create(
                **await self._request(messages), **self._sampling(), stream=True, stream_options={"include_usage": True}
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
                    due_s = self._time_s() + self._options.token_timeout_s
                    late = f"The model server {self._server.url} stopped in the middle of the reply."
            for item in reader.rest():
                yield item

    async def _complete(self, messages: Sequence[Message], extra: dict[str, Any]) -> Any:
        async with self._in_flight.until(self._time_s() + self._options.first_token_timeout_s, self._late):
            return await self._client.chat.completions.create(
                **await self._request(messages),
                extra_body={**self._options.extra_body, **extra, self._length_field: 1},
            )

    async def _request(self, messages: Sequence[Message]) -> dict[str, Any]:
        if self._model is None:
            self._model = await self._first_model()
        return {
            "model": self._model,
            "messages": [wire_message(message) for message in self._shortening.of(messages)],
            "extra_headers": self._headers,
            **wire_tools(self._tools),
        }

    async def _first_model(self) -> str:
        async for model in self._client.models.list(extra_headers=self._headers):
            return model.id
        raise EngineError(f"The model server {self._server.url} lists no model.", fix="set llm.model")

    async def _named(self, error: UnknownModel) -> EngineError:
        """The error with the names of the models that the server has, where it tells them."""
        names: list[str] = []
        with suppress(EngineError):
            async with self._in_flight.until(self._time_s() + self._options.connect_timeout_s, self._late):
                names = [model.id async for model in self._client.models.list(extra_headers=self._headers)]
        if not names or self._model in names:
            return error
        return EngineError(unknown_model(self._server.url, str(self._model), names), fix=f"set llm.model to {names[0]}")

    def _sampling(self) -> dict[str, Any]:
        options = self._options
        fields = {"temperature": options.temperature, "top_p": options.top_p, "max_tokens": options.max_tokens}
        return {
            **{name: value for name, value in fields.items() if value is not None},
            "extra_body": options.extra_body,
        }

    @property
    def _length_field(self) -> str:
        newer = "max_completion_tokens"
        return newer if newer in self._options.extra_body else "max_tokens"

    @property
    def _late(self) -> str:
        return f"The model server {self._server.url} gave no words in {self._options.first_token_timeout_s:g} s."

    @staticmethod
    def _time_s() -> float:
        return asyncio.get_running_loop().time()


class PredictingSession(VllmSession):
    """A session that also implements `PredictsEndOfTurn`."""

    async def end_of_turn_probability(self, messages: Sequence[Message]) -> float:
        """How likely the user's last message is complete, 0 to 1.

        The model continues that message by one token; what counts is the probability that it ends there. 0 where
        nothing was said. Raises `EngineError`, also where the server does not know `continue_final_message`.
        """
        if not messages or messages[-1].role != "user":
            raise ValueError("the last message must be the user's")
        said = unfinished(messages)
        if not said[-1].content:
            return 0.0
        extra = {
            "continue_final_message": True,
            "add_generation_prompt": False,
            "logprobs": True,
            "top_logprobs": TOP_LOGPROBS,
        }
        return end_probability(await self._complete(said, extra))
