"""What an engine is told about the conversation that it opens a session for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SessionContext:
    """One conversation, as seen by an engine.

    `session_id` is unique in the process and safe to log. `parameters` are what the *client* asked for in
    the URL's query, restricted to the names that the offer declares in `Offer.session_parameters`: they are
    untrusted, and the engine checks them against its own options before use.
    """

    session_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)
