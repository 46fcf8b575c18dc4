"""What went wrong at the embedded server, in words that a user can act on."""

from __future__ import annotations

import re

import openai

from vivavoce_api.errors import EngineError, EngineTimeoutError, EngineUnavailableError

MAX_QUOTED_CHARS = 300
_STATUS = re.compile(r"^Error code: \d+ - ")  # the client library's, in front of the server's own words
_OVERFLOW = "exceed_context_size_error"


def translated(error: openai.OpenAIError) -> EngineError:
    """The error of our tree for one of the client library."""
    match error:
        case openai.APITimeoutError():
            return EngineTimeoutError("The embedded language model is too busy to take the request.")
        case openai.APIConnectionError():
            return EngineUnavailableError("The embedded language model stopped and is being started again.")
        case openai.APIError(type=kind, message=message) if kind == _OVERFLOW or _OVERFLOW in message:
            return EngineError(
                f"The conversation is too long for the embedded language model: {_quoted(message)}",
                fix="start a new conversation, or raise llm.context_tokens",
            )
        case openai.APIError(message=message):
            return EngineError(f"The embedded language model failed: {_quoted(message)}")
        case _:
            return EngineError(f"The embedded language model could not be asked ({type(error).__name__}).")


def _quoted(text: str) -> str:
    line = " ".join(_STATUS.sub("", text)[: 4 * MAX_QUOTED_CHARS].split())
    return line if len(line) <= MAX_QUOTED_CHARS else line[: MAX_QUOTED_CHARS - 1] + "…"
