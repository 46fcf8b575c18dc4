"""The way to Rime, shared by all conversations."""

from __future__ import annotations

import os

from vivavoce_api import ConfigurationError, EngineBusyError, EngineUnavailableError, SessionContext
from vivavoce_rime.failures import Account
from vivavoce_rime.heard import ClauseVoice
from vivavoce_rime.line import Line
from vivavoce_rime.options import RimeOptions
from vivavoce_rime.post import Post, connection_pool
from vivavoce_rime.session import RimeSession
from vivavoce_rime.v1 import V1
from vivavoce_rime.ws3 import Ws3


class Rime:
    """The account, the pool of HTTP connections, and how many conversations there are. A `TextToSpeechEngine`."""

    def __init__(self, options: RimeOptions, account: Account) -> None:
        self._options = options
        self._account = account
        self._http = connection_pool(options.connect_timeout_s)
        self._sessions: set[RimeSession] = set()
        self._closed = False

    @classmethod
    def from_options(cls, options: RimeOptions) -> Rime:
        """Read the key from the environment. Raises `ConfigurationError` where it is missing or can't be one.

        A server of one's own (`url`) may do without.
        """
        api_key = os.environ.get(options.api_key_env, "").strip() or None
        if api_key is None and options.url is None:
            raise ConfigurationError(
                f"tts: Rime needs an API key, and {options.api_key_env} is not set",
                fix=f"export {options.api_key_env}=...  (https://app.rime.ai/tokens)",
            )
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise ConfigurationError(f"{options.api_key_env} holds characters that no API key has")
        return cls(options, Account(api_key, options.api_key_env))

    @property
    def max_sessions(self) -> int | None:
        """As the YAML says."""
        return self._options.max_sessions

    async def open_session(self, context: SessionContext) -> RimeSession:
        """Open a session, whose connection opens in the background. Raises `EngineBusyError`."""
        if self._closed:
            raise EngineUnavailableError("the voice was closed")
        limit = self._options.max_sessions
        if limit is not None and len(self._sessions) >= limit:
            raise EngineBusyError(f"Rime speaks in {limit} conversations already (tts.max_sessions).")
        session = RimeSession(self._voice(), self._options.sample_rate_hz, self._options.speed, self._sessions.discard)
        self._sessions.add(session)
        return session

    async def close(self) -> None:
        """Close all sessions and connections. Idempotent."""
        self._closed = True
        for session in list(self._sessions):
            await session.close()
        await self._http.aclose()

    def _voice(self) -> ClauseVoice:
        options, account = self._options, self._account
        if options.protocol == "http":
            return Post(self._http, account, options)
        protocol = Ws3(options, account) if options.model == "mistv2" else V1(options, account)
        return Line(protocol, account, options)
