"""Rime over HTTP: a request a clause, whose answer is streamed PCM16.

Shapes: https://docs.rime.ai/api-reference/mistv2/streaming-pcm and .../mistv3/http.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2

from vivavoce_rime.failures import Account, Dropped, garbled, late, unreachable
from vivavoce_rime.heard import MAX_CLAUSE_BYTES, Heard, Sound
from vivavoce_rime.options import RimeOptions

URL = "https://users.rime.ai/v1/rime-tts"
MAX_REQUEST_CHARS = 500
"""The longest text of a request."""
MAX_ERROR_BYTES = 4096
MAX_CONNECTIONS = 512
MAX_IDLE_CONNECTIONS = 64
IDLE_CONNECTION_S = 120.0
"""Kept longer than people pause, so that a reply needs no new TLS handshake."""


def connection_pool(connect_timeout_s: float) -> httpx2.AsyncClient:
    """Connections that all conversations share; follows no redirect. Reading has no limit of its own here."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=connect_timeout_s, pool=connect_timeout_s),
        limits=httpx2.Limits(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_CONNECTION_S,
        ),
        follow_redirects=False,
    )


class Post:
    """Speaks clauses by HTTP requests. Implements `ClauseVoice`."""

    def __init__(self, http: httpx2.AsyncClient, account: Account, options: RimeOptions) -> None:
        self._http = http
        self._account = account
        self._options = options
        self._url = options.url or URL
        self._body = _body(options)
        self._warming: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Open a connection in the background, by a request for nothing."""
        self._warming = asyncio.create_task(self._warm())

    async def speak(self, clause: str) -> AsyncGenerator[Heard, None]:
        """Speak a clause. Raises `EngineError`. Closing it early closes the connection, at which Rime stops."""
        if len(clause) > MAX_REQUEST_CHARS:
            raise ValueError(f"a clause of {len(clause)} characters, {MAX_REQUEST_CHARS} are allowed")
        size, limit_s, what = 0, self._options.first_chunk_timeout_s, "gave no sound"
        async with _until(limit_s, what, self._url):
            response = await self._http.send(self._request(clause), stream=True)
        try:
            await self._check(response, limit_s)
            pieces = response.aiter_bytes()
            while True:
                async with _until(limit_s, what, self._url):
                    pcm = await anext(pieces, None)
                if pcm is None:
                    return
                size, limit_s, what = size + len(pcm), self._options.chunk_timeout_s, "stopped in the middle: no sound"
                if size > MAX_CLAUSE_BYTES:
                    raise garbled(self._url)
                yield Sound(pcm)
        finally:
            await response.aclose()

    async def close(self) -> None:
        """End what runs in the background. Idempotent; the connections belong to the engine."""
        if self._warming is not None:
            self._warming.cancel()
            await asyncio.wait([self._warming])

    def _request(self, clause: str) -> httpx2.Request:
        headers = {**self._account.headers, "Accept": "audio/pcm"}
        return self._http.build_request("POST", self._url, json={**self._body, "text": clause}, headers=headers)

    async def _check(self, response: httpx2.Response, limit_s: float) -> None:
        """Raise what a refusal says, and refuse what is no sound."""
        if response.status_code == 200 and _is_pcm(response.headers.get("content-type", "")):
            return
        if response.status_code < 400:
            raise garbled(self._url)
        body = b""
        async with _until(limit_s, "gave no answer", self._url):
            async for piece in response.aiter_bytes():
                body += piece
                if len(body) > MAX_ERROR_BYTES:
                    break
        raise self._account.refused(response.status_code, body[:MAX_ERROR_BYTES].decode("utf-8", "replace"))

    async def _warm(self) -> None:
        with suppress(httpx2.HTTPError):
            await self._http.head(self._url, headers=self._account.headers)


@asynccontextmanager
async def _until(limit_s: float, what: str, url: str) -> AsyncIterator[None]:
    """Run the block for at most `limit_s` seconds. Raises `EngineError` for whatever goes wrong on the way."""
    try:
        async with asyncio.timeout(limit_s):
            yield
    except (TimeoutError, httpx2.PoolTimeout):
        raise late(what, limit_s) from None
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise unreachable(url) from error
    except httpx2.HTTPError as error:
        raise Dropped("Rime broke off the connection.") from error


def _is_pcm(content_type: str) -> bool:
    kind = content_type.partition(";")[0].strip().lower()
    return kind in ("", "application/octet-stream", "audio/pcm", "audio/l16")


def _body(options: RimeOptions) -> dict[str, Any]:
    flags = {
        "reduceLatency": options.reduce_latency,
        "pauseBetweenBrackets": options.pause_between_brackets,
        "phonemizeBetweenBrackets": options.phonemize_between_brackets,
    }
    # Both are factors of duration: below 1 is faster.
    stretch = "speedAlpha" if options.model == "mistv2" else "timeScaleFactor"
    return {
        "speaker": options.voice,
        "modelId": options.model,
        "lang": options.language,
        "samplingRate": options.sample_rate_hz,
        **({stretch: round(1 / options.speed, 4)} if options.speed != 1 else {}),
        **{name: True for name, wanted in flags.items() if wanted},
    }
