"""What went wrong at Rime, in words that a user can act on."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vivavoce_api import EngineBusyError, EngineError, EngineTimeoutError, EngineUnavailableError

MAX_QUOTED_CHARS = 300
_LEADING_STATUS = re.compile(r"\s*([45]\d\d)\b")
_TOO_MANY = re.compile(r"\blimit|too many|concurren", re.IGNORECASE)


class Dropped(EngineUnavailableError):
    """The connection broke."""


@dataclass(frozen=True, slots=True)
class Account:
    """The API key, and the name of the environment variable that it came from."""

    api_key: str | None = field(repr=False)
    variable: str

    @property
    def headers(self) -> dict[str, str]:
        """The request header with the key; nothing without one."""
        return {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}

    def quoted(self, text: str) -> str:
        """Foreign words, safe to show: one line, of bounded length, without the key."""
        if self.api_key:
            text = text.replace(self.api_key, "***")
        line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_QUOTED_CHARS]).split())
        return line if len(line) <= MAX_QUOTED_CHARS else line[: MAX_QUOTED_CHARS - 1] + "…"

    def refused(self, status: int, body: str) -> EngineError:
        """The error for an HTTP status, whose body is plain text (https://docs.rime.ai/docs/errors)."""
        words = self.quoted(body) or "no reason given"
        if status in (401, 403):
            return self._unauthorized(words)
        if status == 429:
            return EngineBusyError(f"Rime takes no more requests from this account for now (429): {words}")
        if status in (500, 502, 503, 504):
            return EngineUnavailableError(f"Rime failed ({status}): {words}")
        return EngineError(f"Rime refuses the request ({status}): {words}", fix="check tts.voice, model and language")

    def broke_off(self, reason: str) -> EngineError:
        """The error for a connection that closed; its reason often begins with the HTTP status that fits."""
        status = _LEADING_STATUS.match(reason)
        if status is not None:
            return self.refused(int(status[1]), reason[status.end() :].lstrip(" :-"))
        words = f": {self.quoted(reason)}" if reason.strip() else "."
        return Dropped(f"Rime broke off the connection{words}")

    def said(self, message: str) -> EngineError:
        """The error for an `error` event without a kind."""
        if _LEADING_STATUS.match(message):
            return self.broke_off(message)
        if _TOO_MANY.search(message):
            return EngineBusyError(f"Rime takes no more requests for now: {self.quoted(message)}")
        return EngineError(f"Rime failed: {self.quoted(message)}")

    def of_kind(self, kind: str, message: str) -> EngineError:
        """The error for an `error` event of protocol v1, by its stable kind."""
        words = self.quoted(message) or kind
        match kind:
            case "unauthenticated" | "permission_denied":
                return self._unauthorized(words)
            case "resource_exhausted":
                return EngineBusyError(f"Rime takes no more requests from this account for now: {words}")
            case "timeout":
                return EngineTimeoutError(f"Rime ran out of time: {words}")
            case "unavailable":
                return EngineUnavailableError(f"Rime is not ready: {words}")
            case "invalid_input" | "not_found" | "unimplemented":
                return EngineError(f"Rime refuses the request: {words}", fix="check tts.voice, model and language")
        return EngineError(f"Rime failed ({self.quoted(kind)}): {words}", retryable=kind == "internal")

    def _unauthorized(self, words: str) -> EngineError:
        what = "refuses the API key" if self.api_key else "wants an API key, and none is set"
        return EngineError(f"Rime {what}: {words}", fix=f"export {self.variable}=...  (https://app.rime.ai/tokens)")


def unreachable(url: str) -> EngineUnavailableError:
    """The error for a server that takes no connection."""
    return EngineUnavailableError(f"Rime's server {url} can't be reached.", fix="check the network, and tts.url if set")


def garbled(url: str) -> EngineError:
    """The error for a message that can't be understood."""
    return EngineError(f"{url} sent something else than Rime's protocol.", fix="check tts.url, model and protocol")


def late(what: str, after_s: float) -> EngineTimeoutError:
    """The error for a deadline that passed."""
    return EngineTimeoutError(f"Rime {what} in {after_s:g} s.")
