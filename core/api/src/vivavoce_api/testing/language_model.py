"""Conformance of language models."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, ClassVar

import pytest

from vivavoce_api.errors import VivavoceError
from vivavoce_api.language_model import (
    LanguageModelCapabilities,
    Message,
    PredictsEndOfTurn,
    TextDelta,
    ToolCall,
    ToolSpec,
    Usage,
    WarmsPrefix,
)
from vivavoce_api.offers import Kind
from vivavoce_api.testing.cancellation import close_stream, collect, end_after_close, first, timed_stop
from vivavoce_api.testing.engine import EngineConformance, LoadedEngine

SYSTEM = "You are a helpful voice assistant. Answer in one short sentence."
WEATHER = ToolSpec(
    "weather",
    "Tell the weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)


def conversation(user: str) -> list[Message]:
    """A system message and one user message."""
    return [Message("system", SYSTEM), Message("user", user)]


def reply_text(items: Sequence[object]) -> str:
    """The text of a reply."""
    return "".join(item.text for item in items if isinstance(item, TextDelta))


def warming(session: Any) -> WarmsPrefix:
    """The session, which must have `warm`."""
    assert isinstance(session, WarmsPrefix)
    return session


def predicting(session: Any) -> PredictsEndOfTurn:
    """The session, which must have `end_of_turn_probability`."""
    assert isinstance(session, PredictsEndOfTurn)
    return session


class LanguageModelConformance(EngineConformance):
    """What every language model does.

    `prompt` wants a reply of several tokens, `long_prompt` one that takes a while; `distinct` are two prompts with
    a word each that belongs in the reply to it and never in the other's.
    """

    kind = Kind.LANGUAGE_MODEL
    capabilities_type = LanguageModelCapabilities
    prompt: ClassVar[str] = "Say hello to me, please."
    long_prompt: ClassVar[str] = "Count from one to one hundred in words."
    distinct: ClassVar[tuple[tuple[str, str], tuple[str, str]]] = (
        ("Answer with this one word only: violin", "violin"),
        ("Answer with this one word only: apple", "apple"),
    )

    async def reply(self, session: Any, user: str, tools: Sequence[ToolSpec] = ()) -> list[Any]:
        """All items of one generation."""
        return await collect(session.generate(conversation(user), tools))

    def replies(self, loaded: LoadedEngine, *users: str, tools: Sequence[ToolSpec] = ()) -> list[list[Any]]:
        """One generation after the other, in one session."""

        async def one_by_one() -> list[list[Any]]:
            session = await loaded.session()
            try:
                return [await self.reply(session, user, tools) for user in users]
            finally:
                await session.close()

        return loaded.run(one_by_one())

    def test_streams_text_and_ends_with_usage(self, vivavoce_loaded: LoadedEngine) -> None:
        (items,) = self.replies(vivavoce_loaded, self.prompt)
        assert reply_text(items).strip()
        assert all(isinstance(item, (TextDelta, ToolCall, Usage)) for item in items)
        assert all(item.text for item in items if isinstance(item, TextDelta)), "an empty piece of text"
        assert not any(isinstance(item, Usage) for item in items[:-1]), "usage comes last, and once"

    def test_first_token_latency(self, vivavoce_loaded: LoadedEngine) -> None:
        async def measure() -> None:
            session = await vivavoce_loaded.session()
            loop = asyncio.get_running_loop()
            for what in ("first token", "first token, same prompt again"):
                began_s = loop.time()
                stream = session.generate(conversation(self.prompt))
                item = await first(stream)
                vivavoce_loaded.report(what, (loop.time() - began_s) * 1000)
                assert isinstance(item, (TextDelta, ToolCall))
                await close_stream(stream)
            await session.close()

        vivavoce_loaded.run(measure())

    @pytest.mark.parametrize("user", ["", "Tell me more about this! " * 200], ids=["empty", "5000 characters"])
    def test_odd_sizes_are_answered_or_refused_in_words(self, vivavoce_loaded: LoadedEngine, user: str) -> None:
        async def ask() -> list[Any]:
            session = await vivavoce_loaded.session()
            stream = session.generate(conversation(user))
            with suppress(VivavoceError):
                assert isinstance(await first(stream), (TextDelta, ToolCall, Usage))
            await close_stream(stream)
            items = await self.reply(session, self.prompt)
            await session.close()
            return items

        assert reply_text(vivavoce_loaded.run(ask())).strip(), "the session is of no use afterwards"

    def test_two_sessions_at_once_do_not_mix(self, vivavoce_loaded: LoadedEngine) -> None:
        async def ask_together() -> list[str]:
            sessions = [await vivavoce_loaded.session() for _ in self.distinct]
            async with asyncio.TaskGroup() as group:
                tasks = [
                    group.create_task(self.reply(session, user))
                    for session, (user, _) in zip(sessions, self.distinct, strict=True)
                ]
            for session in sessions:
                await session.close()
            return [reply_text(task.result()).lower() for task in tasks]

        replies = vivavoce_loaded.run(ask_together())
        assert all(reply.strip() for reply in replies)
        assert self.distinct[1][1] not in replies[0]
        assert self.distinct[0][1] not in replies[1]

    @pytest.mark.parametrize(
        ("by_cancelling", "after_first_item"),
        [(True, True), (True, False), (False, True)],
        ids=["cancelled while writing", "cancelled while waiting", "closed while writing"],
    )
    def test_barge_in(self, vivavoce_loaded: LoadedEngine, by_cancelling: bool, after_first_item: bool) -> None:
        async def interrupt() -> list[Any]:
            session = await vivavoce_loaded.session()
            await timed_stop(
                lambda: session.generate(conversation(self.long_prompt)),
                self.cancel_limit_ms,
                after_first_item=after_first_item,
                by_cancelling=by_cancelling,
            )
            items = await self.reply(session, self.prompt)
            await session.close()
            return items

        assert reply_text(vivavoce_loaded.run(interrupt())).strip(), "the session is of no use after an interruption"

    def test_closing_the_session_ends_what_runs(self, vivavoce_loaded: LoadedEngine) -> None:
        async def close_early() -> None:
            session = await vivavoce_loaded.session()
            await end_after_close(session.generate(conversation(self.long_prompt)), session.close)

        vivavoce_loaded.run(close_early())

    def test_tools_are_accepted_where_stated(self, vivavoce_loaded: LoadedEngine) -> None:
        if not vivavoce_loaded.offer.capabilities.tools:
            pytest.skip("the offer does not state tools")
        (items,) = self.replies(vivavoce_loaded, "What is the weather in Paris?", tools=[WEATHER])
        calls = [item for item in items if isinstance(item, ToolCall)]
        assert calls or reply_text(items).strip()
        assert all(call.name and isinstance(call.arguments, str) for call in calls)

    def test_stated_extras_are_there(self, vivavoce_loaded: LoadedEngine) -> None:
        capabilities = vivavoce_loaded.offer.capabilities

        async def use_extras() -> None:
            session = await vivavoce_loaded.session()
            messages = conversation(self.prompt)
            if capabilities.warms_prefix:
                await warming(session).warm(messages)
            if capabilities.predicts_end_of_turn:
                probability = await predicting(session).end_of_turn_probability(messages)
                assert 0 <= probability <= 1
            assert reply_text(await self.reply(session, self.prompt)).strip()
            await session.close()

        vivavoce_loaded.run(use_extras())
