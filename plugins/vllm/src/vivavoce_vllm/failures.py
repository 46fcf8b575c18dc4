"""What went wrong at the server, in words that a user can act on."""

from __future__ import annotations

import re

import httpx2
import openai

from vivavoce_api.errors import EngineBusyError, EngineError, EngineTimeoutError, EngineUnavailableError
from vivavoce_vllm.servers import Server

MAX_QUOTED_CHARS = 300
_STATUS = re.compile(r"^Error code: \d+ - ")  # the client library's, in front of the server's own words
_OVERFLOW = re.compile(r"context.?(length|size|window)|maximum.{0,20}(length|context)|too many tokens", re.IGNORECASE)


class ContextOverflow(EngineError):
    """The conversation is longer than the model's context."""


class UnknownModel(EngineError):
    """The server has no such model, or no such path at all."""


def translated(error: openai.OpenAIError, server: Server, model: str | None, key_variable: str) -> EngineError:
    """The error of our tree for one of the client library. The message never holds the key."""
    match error:
        case openai.APIStatusError():
            return _refused(error, server, model, key_variable)
        case openai.APITimeoutError():
            return _timed_out(error, server)
        case openai.APIConnectionError():
            return _unreachable(error, server)
        case openai.APIError():
            return _told(error, server)
        case _:
            return EngineError(f"The request to {server.url} could not be made ({type(error).__name__}).")


def _timed_out(error: openai.APITimeoutError, server: Server) -> EngineError:
    if isinstance(error.__cause__, httpx2.PoolTimeout):
        return EngineBusyError(f"All connections to {server.url} are in use.")
    return EngineTimeoutError(f"The model server {server.url} did not take the connection in time.")


def _unreachable(error: openai.APIConnectionError, server: Server) -> EngineError:
    if isinstance(error.__cause__, httpx2.ConnectError):
        return EngineUnavailableError(
            f"The model server {server.url} can't be reached.",
            fix=f"curl {server.url}/models; start it ('vllm serve MODEL') or correct llm.base_url or VLLM_URL",
        )
    return EngineUnavailableError(f"The model server {server.url} broke off the connection.")


def _refused(error: openai.APIStatusError, server: Server, model: str | None, key_variable: str) -> EngineError:
    status = error.status_code
    if status in (401, 403):
        return _unauthorized(server, key_variable)
    if 300 <= status < 400:
        return EngineError(f"{server.url} redirects elsewhere, which is not followed; name the final URL.")
    if status == 404:
        return UnknownModel(
            f"{server.url} knows no model '{model}', or no chat completions.",
            fix=f"set llm.model to one that 'curl {server.url}/models' lists",
        )
    if status == 429:
        return EngineBusyError(f"The model server {server.url} has too many requests (429).")
    if status in (502, 503, 504):
        return EngineUnavailableError(f"The model server {server.url} is not ready ({status}).")
    return _told(error, server, status)


def _unauthorized(server: Server, key_variable: str) -> EngineError:
    if server.api_key is None:
        return EngineError(
            f"The model server {server.url} wants an API key, and none is sent to it.",
            fix=f"export {key_variable}=... (for a server of ?vllm_url= also llm.send_key_to_allowed_hosts: true)",
        )
    return EngineError(f"The model server {server.url} refuses the API key.", fix=f"export {key_variable}=...")


def _told(error: openai.APIError, server: Server, status: int | None = None) -> EngineError:
    words = quoted(error.message, server)
    if (status is None or status in (400, 413, 422)) and _OVERFLOW.search(error.message):
        return ContextOverflow(
            f"The conversation is too long for the model at {server.url}: {words}",
            fix="start a new conversation, lower llm.max_tokens, or raise the server's --max-model-len",
        )
    number = f" ({status})" if status is not None else ""
    return EngineError(f"The model server {server.url} failed{number}: {words}", retryable=(status or 500) >= 500)


def quoted(text: str, server: Server) -> str:
    """Foreign words, safe to show: one line, of bounded length, without the key."""
    if server.api_key:
        text = text.replace(server.api_key, "***")
    line = " ".join(
        "".join(c if c.isprintable() else " " for c in _STATUS.sub("", text)[: 4 * MAX_QUOTED_CHARS]).split()
    )
    return line if len(line) <= MAX_QUOTED_CHARS else line[: MAX_QUOTED_CHARS - 1] + "…"
