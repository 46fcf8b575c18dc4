"""Which web pages may talk to the agent."""

from __future__ import annotations

from collections.abc import Collection
from urllib.parse import urlsplit

ANY_ORIGIN = "*"


def origin_is_allowed(origin: str | None, host: str | None, allowed_origins: Collection[str]) -> bool:
    """Whether a WebSocket may be opened.

    Browsers let any page open a WebSocket to any address, 127.0.0.1 included, and only name the page's origin.
    So: programs (no `Origin` header) may, the server's own page may (`Origin` and `Host` agree), others only
    when they are listed, as `https://example.com`, or when `*` is.
    """
    if origin is None or ANY_ORIGIN in allowed_origins or origin in allowed_origins:
        return True
    return host is not None and urlsplit(origin).netloc.lower() == host.lower()
