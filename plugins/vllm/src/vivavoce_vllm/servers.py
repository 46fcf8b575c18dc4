"""Which server a session talks to, and whether it may have the API key."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from vivavoce_api.errors import ClientError

SESSION_PARAMETER = "vllm_url"
MAX_URL_CHARS = 512
DEFAULT_PATH = "/v1"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_NAME = r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?"
_IPV6 = r"[0-9a-f:.]+"
_HOST = re.compile(rf"(?:{_NAME}|{_IPV6})")
_ALLOWED = re.compile(rf"(?:{_NAME}|\[{_IPV6}\])(?::[0-9]{{1,5}})?")
_PATH = re.compile(r"(?:/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+)*/?")


@dataclass(frozen=True, slots=True)
class ServerUrl:
    """A server's address in one spelling: lower case, with its port, without a slash at the end."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, text: str) -> ServerUrl:
        """Raises `ValueError`, in words for a person, where `text` is not a plain http or https URL.

        An empty path becomes `/v1`. The address is built anew from its checked parts, so that no other reader
        of URLs can understand it differently.
        """
        if len(text) > MAX_URL_CHARS or not text.isascii() or re.search(r"[\x00-\x20\x7f\\]", text):
            raise ValueError(f"must be a URL of at most {MAX_URL_CHARS} plain characters")
        parts = urlsplit(text)
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("must begin with http:// or https://")
        if "@" in parts.netloc:
            raise ValueError("must not hold a user name or a password; keys come from the environment (api_key_env)")
        if "?" in text or "#" in text:
            raise ValueError("must not hold '?' or '#'")
        host, port = parts.hostname or "", parts.port or _DEFAULT_PORTS[parts.scheme]
        if not _HOST.fullmatch(host):
            raise ValueError("must name a host, as in http://127.0.0.1:8000")
        if not _PATH.fullmatch(parts.path):
            raise ValueError("must have a plain path, as in https://example.com/v1")
        return cls(parts.scheme, host, port, parts.path.rstrip("/") or DEFAULT_PATH)

    @property
    def netloc(self) -> str:
        """`host:port`, an IPv6 host in brackets."""
        return f"{self._bracketed}:{self.port}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What has to be equal for two addresses to be the same server."""
        return self.scheme, self.host, self.port

    @property
    def keeps_secrets(self) -> bool:
        """Whether what is sent there can't be read on the way: https, or this very machine."""
        return self.scheme == "https" or self.host in ("localhost", "127.0.0.1", "::1")

    def is_among(self, allowed: tuple[str, ...]) -> bool:
        """Whether an entry of `allowed` is exactly this host, or this host and port."""
        return self._bracketed in allowed or self.netloc in allowed

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    def __str__(self) -> str:
        return f"{self.scheme}://{self.netloc}{self.path}"


@dataclass(frozen=True, slots=True)
class Server:
    """A server and the key for it."""

    url: ServerUrl
    api_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerChoice:
    """The YAML's say about servers: its own, and those that clients may choose beside it."""

    own: ServerUrl | None
    allowed_hosts: tuple[str, ...] = ()
    api_key: str | None = field(default=None, repr=False)
    send_key_to_allowed_hosts: bool = False

    def for_session(self, parameters: Mapping[str, str]) -> Server:
        """The session's server. Raises `ClientError` where the client asks for one that it may not have."""
        wanted = parameters.get(SESSION_PARAMETER, "").strip()
        if wanted:
            url = self._allowed(wanted)
            return Server(url, self.api_key if self._may_have_key(url) else None)
        if self.own is None:
            raise ClientError(f"This agent has no model server of its own: connect with ?{SESSION_PARAMETER}=URL.")
        return Server(self.own, self.api_key)

    def _allowed(self, wanted: str) -> ServerUrl:
        try:
            url = ServerUrl.parse(wanted)
        except ValueError as error:
            raise ClientError(f"{SESSION_PARAMETER} {error}.") from None
        is_own = self.own is not None and url.origin == self.own.origin
        if not is_own and not url.is_among(self.allowed_hosts):
            raise ClientError(
                f"{SESSION_PARAMETER} names {url.netloc}, which this agent does not allow.",
                fix=f'add "{url.netloc}" to llm.allowed_hosts in the agent\'s YAML',
            )
        if url.path != DEFAULT_PATH and url != self.own:
            raise ClientError(f"{SESSION_PARAMETER} may have no path but {DEFAULT_PATH}.")
        return url

    def _may_have_key(self, url: ServerUrl) -> bool:
        if self.own is not None and url.origin == self.own.origin:
            return True
        return self.send_key_to_allowed_hosts and url.keeps_secrets


def checked_host(text: str) -> str:
    """An entry of the allow-list in lower case. Raises `ValueError` where it is not a host or host:port."""
    host = text.strip().lower()
    if not _ALLOWED.fullmatch(host):
        raise ValueError(f"'{text}' is not a host or host:port; write model.example.com or 10.0.0.7:8000")
    return host
