"""Replies over each way to Rime, against the stand-in, on a virtual clock where it only sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from vivavoce_rime.engine import Rime
from vivavoce_rime.options import RimeOptions

from vivavoce_api import (
    ConfigurationError,
    EngineBusyError,
    EngineError,
    EngineTimeoutError,
    EngineUnavailableError,
    SessionContext,
    SpeechChunk,
)
from vivavoce_api.testing import virtual_time_loop

VARIANTS = ("ws3", "v1", "http")
TEXT = "Good morning to you. That makes 3 apples — and $5, please!"


@pytest.fixture
def run(make_stand_in: Any) -> Callable[..., Any]:
    """Run something with a session and the stand-in behind it."""

    def run(use: Callable[[Any, Any], Coroutine[Any, Any, Any]], variant: str = "ws3", **options: Any) -> Any:
        async def whole() -> Any:
            async with make_stand_in() as stand_in:
                engine = Rime.from_options(RimeOptions(**{**stand_in.options(variant), **options}))
                try:
                    return await use(await engine.open_session(SessionContext("s")), stand_in)
                finally:
                    await engine.close()

        with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
            return runner.run(whole())

    return run


async def written(text: str, size: int = 5, then_wait: bool = False) -> AsyncIterator[str]:
    for start in range(0, len(text), size):
        await asyncio.sleep(0)
        yield text[start : start + size]
    if then_wait:
        await asyncio.Event().wait()


async def speak(session: Any, text: str = TEXT) -> list[SpeechChunk]:
    async with aclosing(session.synthesize(written(text))) as chunks:
        return [chunk async for chunk in chunks]


async def said(session: Any, stand_in: Any) -> tuple[list[SpeechChunk], Any]:
    return await speak(session), stand_in


def pcm(chunks: list[SpeechChunk]) -> bytes:
    return b"".join(chunk.audio.pcm for chunk in chunks)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("rate_hz", [24_000, 16_000])
def test_split_samples_are_rejoined_exactly(run: Any, spoken: Any, variant: str, rate_hz: int) -> None:
    chunks, _ = run(said, variant, sample_rate_hz=rate_hz)
    clauses = ["Good morning to you.", "That makes 3 apples — and $5, please!"]
    assert pcm(chunks) == b"".join(spoken(clause, rate_hz).pcm for clause in clauses)
    assert {chunk.audio.sample_rate_hz for chunk in chunks} == {rate_hz}


@pytest.mark.parametrize("voice", ["early-times", "cove"])
def test_words_have_rimes_times_and_the_models_spelling(run: Any, spoken: Any, voice: str) -> None:
    chunks, _ = run(said, voice=voice)
    spans = {span.text: span for chunk in chunks for span in chunk.spans}
    assert list(spans) == TEXT.split()
    second = spoken("Good morning to you.", 24_000)
    offset_ms = len(second.pcm) / 48
    sound = spoken("That makes 3 apples — and $5, please!", 24_000)
    word = sound.words.index("apples")
    assert spans["apples"].start_ms == pytest.approx(offset_ms + 1000 * sound.starts[word], abs=0.1)
    assert spans["apples"].end_ms == pytest.approx(offset_ms + 1000 * sound.ends[word], abs=0.1)
    five, dollars = sound.words.index("five"), sound.words.index("dollars")
    assert spans["$5,"].start_ms == pytest.approx(offset_ms + 1000 * sound.starts[five], abs=0.1)
    assert spans["$5,"].end_ms == pytest.approx(offset_ms + 1000 * sound.ends[dollars], abs=0.1)


@pytest.mark.parametrize(("variant", "voice"), [("ws3", "no-times"), ("v1", "no-times"), ("http", "cove")])
def test_words_without_times_are_spread_over_the_sound(run: Any, variant: str, voice: str) -> None:
    chunks, _ = run(said, variant, voice=voice)
    spans = [span for chunk in chunks for span in chunk.spans]
    assert " ".join(span.text for span in spans) == TEXT
    assert [span.start_ms for span in spans] == sorted(span.start_ms for span in spans)
    assert len({span.start_ms for span in spans}) > len(spans) / 2
    assert spans[-1].end_ms <= len(pcm(chunks)) / 48 + 0.1


@pytest.mark.parametrize("variant", VARIANTS)
def test_first_chunk_says_what_is_spoken(run: Any, variant: str) -> None:
    chunks, _ = run(said, variant)
    assert chunks[0].spans[0].text == "Good"


def test_query_of_ws3(run: Any) -> None:
    _, stand_in = run(said, speed=2, language="spa", reduce_latency=True, sample_rate_hz=16_000)
    request = stand_in.upgrades[0]
    assert request.path == (
        "/ws3?speaker=cove&modelId=mistv2&audioFormat=pcm&samplingRate=16000&segment=never&lang=spa"
        "&speedAlpha=0.5&reduceLatency=true"
    )
    assert request.headers["Authorization"] == "Bearer good-key"
    ids = [message["contextId"] for message in stand_in.received if "text" in message]
    assert len(set(ids)) == 2
    assert stand_in.received[1] == {"operation": "flush"}


def test_start_of_v1(run: Any) -> None:
    _, stand_in = run(said, "v1", speed=0.5, pause_between_brackets=True)
    assert stand_in.received[0]["start"] == {
        "speaker": "cove",
        "language": "eng",
        "audioParameters": {"audioFormat": "audio/pcm", "samplingRate": 24_000, "timeScaleFactor": 2.0},
        "timestamps": {"enable": True},
        "mistParameters": {"pauseBetweenBrackets": True, "phonemizeBetweenBrackets": False},
        "text": "Good morning to you.",
    }


@pytest.mark.parametrize(("model", "stretch"), [("mistv2", "speedAlpha"), ("mistv3", "timeScaleFactor")])
def test_request_of_http(run: Any, model: str, stretch: str) -> None:
    _, stand_in = run(said, "http", model=model, speed=2, phonemize_between_brackets=True)
    body = dict(stand_in.posts[0])
    headers = body.pop("headers")
    assert body == {
        "text": "Good morning to you.",
        "speaker": "cove",
        "modelId": model,
        "lang": "eng",
        "samplingRate": 24_000,
        stretch: 0.5,
        "phonemizeBetweenBrackets": True,
    }
    assert headers["accept"] == "audio/pcm"
    assert headers["authorization"] == "Bearer good-key"


def test_no_request_is_longer_than_rime_takes(run: Any) -> None:
    async def endless(session: Any, stand_in: Any) -> list[int]:
        await speak(session, "word" * 600 + " and more words without any end" * 40)
        return [len(post["text"]) for post in stand_in.posts]

    lengths = run(endless, "http")
    assert sum(lengths) > 3000
    assert max(lengths) <= 500


@pytest.mark.parametrize("variant", ["ws3", "v1"])
def test_connection_is_open_before_the_first_word_and_stays(run: Any, variant: str) -> None:
    async def use(session: Any, stand_in: Any) -> tuple[int, int]:
        await asyncio.sleep(1)
        before = stand_in.connections
        await speak(session)
        await asyncio.sleep(60)
        await speak(session)
        return before, stand_in.connections

    assert run(use, variant) == (1, 1)


def test_http_connection_is_warmed_and_used_again(run: Any) -> None:
    async def use(session: Any, stand_in: Any) -> tuple[int, int]:
        await asyncio.sleep(1)
        await speak(session)
        return stand_in.heads, stand_in.connections

    assert run(use, "http") == (1, 1)


@pytest.mark.parametrize("variant", ["ws3", "v1"])
def test_idle_connection_that_was_closed_is_opened_again(run: Any, variant: str) -> None:
    async def use(session: Any, stand_in: Any) -> tuple[int, int]:
        await asyncio.sleep(1)
        await stand_in.close_all()
        await asyncio.sleep(1)
        ahead = stand_in.connections
        assert await speak(session)
        return ahead, stand_in.connections

    assert run(use, variant) == (2, 2)


@pytest.mark.parametrize("variant", VARIANTS)
def test_connection_that_breaks_before_any_sound_is_tried_again_once(run: Any, spoken: Any, variant: str) -> None:
    chunks, _ = run(said, variant, voice="drops-once")
    assert pcm(chunks).startswith(spoken("Good morning to you.", 24_000).pcm)
    with pytest.raises(EngineUnavailableError, match="broke off"):
        run(said, variant, voice="drops")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("voice", "kind", "words", "retryable"),
    [
        ("says-error", EngineError, "no such speaker", False),
        ("garbage", EngineError, "something else than Rime's protocol", False),
        ("silent", EngineTimeoutError, "gave no sound in 2 s", True),
        ("stalls", EngineTimeoutError, "in the middle.* in 1 s", True),
        ("dies", EngineUnavailableError, "broke off", True),
    ],
)
def test_errors_have_their_kind_and_words(
    run: Any, variant: str, voice: str, kind: type[EngineError], words: str, retryable: bool
) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        run(said, variant, voice=voice, first_chunk_timeout_s=2, chunk_timeout_s=1)
    assert isinstance(caught.value, kind)
    assert caught.value.retryable is retryable


@pytest.mark.parametrize("variant", ["ws3", "v1"])
@pytest.mark.parametrize(
    ("voice", "kind", "words"),
    [
        ("odd", EngineError, "something else"),
        ("base64", EngineError, "something else"),
        ("says-limit", EngineBusyError, "concurrency limit"),
        ("closes", EngineError, "refuses the API key: invalid subscription"),
    ],
)
def test_errors_of_a_websocket(run: Any, variant: str, voice: str, kind: type[EngineError], words: str) -> None:
    with pytest.raises(EngineError, match=words) as caught:
        run(said, variant, voice=voice)
    assert type(caught.value) is kind


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    ("key", "kind", "words", "retryable"),
    [
        ("wrong-key", EngineError, "refuses the API key: invalid api key", False),
        ("limited-key", EngineBusyError, "429", True),
        ("down-key", EngineUnavailableError, "503", True),
        ("odd-key", EngineError, "400", False),
    ],
)
def test_refusals(
    run: Any, monkeypatch: Any, variant: str, key: str, kind: type[EngineError], words: str, retryable: bool
) -> None:
    monkeypatch.setenv("RIME_API_KEY", key)
    with pytest.raises(EngineError, match=words) as caught:
        run(said, variant)
    assert type(caught.value) is kind
    assert caught.value.retryable is retryable
    assert key not in str(caught.value)


def test_wrong_key_is_not_tried_over_and_over(run: Any, monkeypatch: Any) -> None:
    async def wait(session: Any, stand_in: Any) -> int:
        await asyncio.sleep(600)
        return len(stand_in.upgrades)

    monkeypatch.setenv("RIME_API_KEY", "wrong-key")
    assert run(wait) == 1
    monkeypatch.setenv("RIME_API_KEY", "limited-key")
    assert 10 < run(wait) < 40, "a rate limit is waited for, ever longer"


@pytest.mark.parametrize("variant", VARIANTS)
def test_server_that_is_away_is_named(variant: str) -> None:
    async def use() -> None:
        scheme, protocol = ("http", "http") if variant == "http" else ("ws", "websocket")
        model = "mistv3" if variant == "v1" else "mistv2"
        options = RimeOptions(url=f"{scheme}://127.0.0.1:9/x", protocol=protocol, model=model)  # nothing listens there
        engine = Rime.from_options(options)
        try:
            await speak(await engine.open_session(SessionContext("s")))
        finally:
            await engine.close()

    with pytest.raises(EngineUnavailableError, match=r"127\.0\.0\.1:9/x can't be reached"):
        asyncio.run(use())


@pytest.mark.parametrize(("variant", "message"), [("ws3", {"operation": "clear"}), ("v1", {"cancel": {}})])
@pytest.mark.parametrize("by_closing", [True, False])
def test_barge_in_tells_rime_and_old_sound_is_dropped(
    run: Any, spoken: Any, variant: str, message: dict[str, Any], by_closing: bool
) -> None:
    async def interrupt(session: Any, stand_in: Any) -> tuple[list[SpeechChunk], list[Any], int]:
        stand_in.pace_s = 0.05
        chunks = session.synthesize(written(TEXT))
        await anext(chunks)
        if by_closing:
            await chunks.aclose()
        else:
            task = asyncio.ensure_future(speak(session))
            await chunks.aclose()
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.wait([task])
        return await speak(session, "And now this."), stand_in.received, stand_in.connections

    chunks, received, connections = run(interrupt, variant)
    assert pcm(chunks) == spoken("And now this.", 24_000).pcm
    cancels = [one for one in received if message.items() <= one.items()]
    assert len(cancels) == (1 if by_closing else 2)
    assert connections == 1


def test_barge_in_over_http_hangs_up(run: Any) -> None:
    async def interrupt(session: Any, stand_in: Any) -> list[SpeechChunk]:
        chunks = session.synthesize(written(TEXT))
        await anext(chunks)
        await chunks.aclose()
        await stand_in.hung_up.wait()
        stand_in.posts.clear()
        return await speak(session, "And now this.")

    with pytest.raises(EngineTimeoutError):
        run(interrupt, "http", voice="stalls")


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_can_not_be_said_goes_with_the_next_word(run: Any, variant: str) -> None:
    async def use(session: Any, stand_in: Any) -> tuple[list[SpeechChunk], int]:
        assert await speak(session, "🙂 ... \n") == []
        before = len(stand_in.received) + len(stand_in.posts)
        return await speak(session, "*** \n Well then."), before

    chunks, before = run(use, variant)
    assert before == 0
    assert " ".join(span.text for chunk in chunks for span in chunk.spans) == "*** Well then."


@pytest.mark.parametrize("variant", ["ws3", "v1"])
def test_connection_that_fell_silent_is_not_used_again(run: Any, variant: str) -> None:
    async def use(session: Any, stand_in: Any) -> int:
        with pytest.raises(EngineTimeoutError):
            await speak(session)
        await asyncio.sleep(1)
        return stand_in.connections

    assert run(use, variant, voice="silent") == 2


def test_sessions_are_limited_where_the_plan_is(run: Any, make_stand_in: Any) -> None:
    async def use() -> None:
        async with make_stand_in() as stand_in:
            engine = Rime.from_options(RimeOptions(**stand_in.options(), max_sessions=1))
            session = await engine.open_session(SessionContext("one"))
            with pytest.raises(EngineBusyError, match="1 conversations"):
                await engine.open_session(SessionContext("two"))
            await session.close()
            await (await engine.open_session(SessionContext("three"))).close()
            await engine.close()

    asyncio.run(use())


def test_key_is_needed_and_comes_from_the_environment(monkeypatch: Any) -> None:
    monkeypatch.delenv("RIME_API_KEY")
    with pytest.raises(ConfigurationError, match="RIME_API_KEY is not set") as caught:
        Rime.from_options(RimeOptions())
    assert "export RIME_API_KEY" in str(caught.value)
    monkeypatch.setenv("RIME_API_KEY", "päss")
    with pytest.raises(ConfigurationError, match="characters"):
        Rime.from_options(RimeOptions())
    monkeypatch.setenv("OTHER", "secret")
    assert "secret" not in repr(vars(Rime.from_options(RimeOptions(api_key_env="OTHER"))))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"url": "http://localhost/ws3"}, "must begin with ws:// or wss://"),
        ({"url": "ws://localhost/ws3", "protocol": "http"}, "must begin with http:// or https://"),
        ({"url": "wss://me:secret@localhost/ws3"}, "without user name"),
        ({"url": "wss://localhost/ws3?speaker=x"}, "without user name"),
        ({"model": "mistv3", "reduce_latency": True}, "mistv2 only"),
        ({"voice": "cove&modelId=x"}, "pattern"),
    ],
)
def test_options_that_can_not_be(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        RimeOptions(**options)
