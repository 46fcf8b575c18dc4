"""The connection to the servers, shared by all sessions."""

from __future__ import annotations

import os
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
import openai

from vivavoce_api import SessionContext
from vivavoce_api.errors import ConfigurationError
from vivavoce_vllm.options import VllmOptions
from vivavoce_vllm.servers import Server, ServerChoice, ServerUrl
from vivavoce_vllm.session import PredictingSession, VllmSession

URL_VARIABLE = "VLLM_URL"
MAX_CONNECTIONS = 512
MAX_IDLE_CONNECTIONS = 64
IDLE_CONNECTION_S = 120.0
"""Kept longer than people pause, so that a turn needs no new TLS handshake."""


class VllmEngine:
    """One pool of connections; each session is a light view of it. Implements `LanguageModelEngine`."""

    def __init__(self, options: VllmOptions, choice: ServerChoice) -> None:
        self._options = options
        self._choice = choice
        self._http = connection_pool(options.connect_timeout_s)

    @classmethod
    def from_options(cls, options: VllmOptions) -> VllmEngine:
        """Read the environment. Raises `ConfigurationError` where no server is named, or one can't be."""
        own = _own_url(options)
        if own is None and not options.allowed_hosts:
            raise ConfigurationError("llm: no model server is named", fix=f"set llm.base_url or {URL_VARIABLE}")
        api_key = os.environ.get(options.api_key_env, "").strip() or None
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError(f"{options.api_key_env} holds characters that no API key has")
        return cls(options, ServerChoice(own, options.allowed_hosts, api_key, options.send_key_to_allowed_hosts))

    @property
    def max_sessions(self) -> int | None:
        """No limit of its own."""
        return None

    async def open_session(self, context: SessionContext) -> VllmSession:
        """A session with the YAML's server, or with the client's `vllm_url`. Contacts nobody.

        Raises `ClientError` where that is not allowed.
        """
        server = self._choice.for_session(context.parameters)
        session_type = PredictingSession if self._options.predict_end_of_turn else VllmSession
        return session_type(self._client(server), server, self._options)

    async def close(self) -> None:
        """Close all connections. Idempotent."""
        await self._http.aclose()

    def _client(self, server: Server) -> openai.AsyncOpenAI:
        client = openai.AsyncOpenAI(
            base_url=str(server.url),
            api_key=server.api_key or "none",  # without a key, the session leaves the header out
            http_client=self._http,
            max_retries=0,
        )
        client.organization = client.project = None  # read from the environment for openai.com, nobody else's business
        return client


def connection_pool(connect_timeout_s: float) -> httpx2.AsyncClient:
    """A pool of connections that follows no redirect and keeps no cookie; reading has no limit of its own here."""
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(None, connect=connect_timeout_s, pool=connect_timeout_s),
        limits=httpx2.Limits(
            max_connections=MAX_CONNECTIONS,
            max_keepalive_connections=MAX_IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_CONNECTION_S,
        ),
        follow_redirects=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _own_url(options: VllmOptions) -> ServerUrl | None:
    if options.base_url is not None:
        return ServerUrl.parse(options.base_url)
    text = os.environ.get(URL_VARIABLE, "").strip()
    if not text:
        return None
    try:
        return ServerUrl.parse(text)
    except ValueError as error:
        raise ConfigurationError(f"{URL_VARIABLE} {error}") from None
