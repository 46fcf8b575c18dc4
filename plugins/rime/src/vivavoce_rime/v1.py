"""WebSocket protocol v1 (`rime.v1.json`), spoken with Mist v3: messages and events as text. No input or output here.

Shapes: https://docs.rime.ai/api-reference/mistv3/websocket-v1. Each clause is a context of its own, given whole with
`start`; the times of its words come with `done`, as they were before the speed was applied.
"""

from __future__ import annotations

import base64
import json
from typing import Any

from vivavoce_api import EngineError
from vivavoce_rime.failures import Account, garbled
from vivavoce_rime.heard import Done, Meaning, Sound, TimedWord, WordTimes
from vivavoce_rime.options import RimeOptions

URL = "wss://mist.api.rime.ai/ws"
PROTOCOL_VERSION = 1


class V1:
    """Writes requests and reads events. Implements `SocketProtocol`."""

    subprotocol: str | None = "rime.v1.json"
    greets = True

    def __init__(self, options: RimeOptions, account: Account) -> None:
        self._account = account
        self.url = options.url or URL
        self._stretch = round(1 / options.speed, 4)
        self._start = _start(options, self._stretch)

    def speak(self, clause: str, context_id: str) -> list[str]:
        """The message that asks for a clause."""
        return [json.dumps({"contextId": context_id, "start": {**self._start, "text": clause}})]

    def cancel(self, context_id: str) -> str:
        """The message that stops what was asked for."""
        return json.dumps({"contextId": context_id, "cancel": {}})

    def read_greeting(self, message: str | bytes) -> None:
        """Check that the first message is `ready`. Raises `EngineError`."""
        try:
            event = json.loads(message)
            if "error" in event:
                raise self._error(event["error"])
            if event["ready"]["protocol"] != PROTOCOL_VERSION:
                raise ValueError("protocol")
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise garbled(self.url) from error

    def read(self, message: str | bytes) -> tuple[str | None, list[Meaning]]:
        """The context id of an event, None for one about the connection, and what it says.

        Raises `EngineError` where it can't be understood.
        """
        try:
            event = json.loads(message)
            return event.get("contextId") or None, self._meanings(event)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise garbled(self.url) from error

    def _meanings(self, event: dict[str, Any]) -> list[Meaning]:
        if "audio" in event:
            return [Sound(base64.b64decode(event["audio"], validate=True))]
        if "done" in event:
            spans = (event["done"].get("timestamps") or {}).get("spans") or []
            return [WordTimes(tuple(self._timed(span) for span in spans)), Done()]
        if "error" in event:
            return [self._error(event["error"])]
        if "cancelled" in event:
            return [EngineError("Rime stopped speaking.", retryable=True)]
        return []  # `started`, `ready`, and what later versions may add

    def _timed(self, span: dict[str, Any]) -> TimedWord:
        start_ms, end_ms = _ms(span.get("start")), _ms(span.get("end"))
        if end_ms < start_ms:
            raise ValueError("times out of order")
        return TimedWord(str(span["text"]), start_ms * self._stretch, end_ms * self._stretch)

    def _error(self, error: dict[str, Any]) -> EngineError:
        return self._account.of_kind(str(error.get("kind", "")), str(error.get("message", "")))


def _start(options: RimeOptions, stretch: float) -> dict[str, Any]:
    mist = {
        "pauseBetweenBrackets": options.pause_between_brackets,
        "phonemizeBetweenBrackets": options.phonemize_between_brackets,
    }
    audio = {"audioFormat": "audio/pcm", "samplingRate": options.sample_rate_hz}
    return {
        "speaker": options.voice,
        "language": options.language,
        "audioParameters": {**audio, **({"timeScaleFactor": stretch} if stretch != 1 else {})},
        "timestamps": {"enable": True},
        **({"mistParameters": mist} if any(mist.values()) else {}),
    }


def _ms(duration: str | None) -> float:
    """A duration as protobuf writes it in JSON, `"1.25s"`; left out where it is 0."""
    if duration is None:
        return 0.0
    if not duration.endswith("s"):
        raise ValueError("duration")
    return float(duration[:-1]) * 1000
