"""The JSON WebSocket `/ws3`, spoken with Mist v2: messages and events as text. No input or output here.

Shapes: https://docs.rime.ai/api-reference/mistv2/websockets-json; `segment=never` means that nothing is spoken
before `flush`, and that each flush ends with one `done`. A context id comes back with the sound it was asked for with.
"""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any
from urllib.parse import urlencode

from vivavoce_rime.failures import Account, garbled
from vivavoce_rime.heard import Done, Meaning, Sound, TimedWord, WordTimes
from vivavoce_rime.options import RimeOptions

URL = "wss://users-ws.rime.ai/ws3"


class Ws3:
    """Writes requests and reads events. Implements `SocketProtocol`."""

    subprotocol: str | None = None
    greets = False

    def __init__(self, options: RimeOptions, account: Account) -> None:
        self._account = account
        self._base = options.url or URL
        self.url = f"{self._base}?{urlencode(_query(options))}"

    def speak(self, clause: str, context_id: str) -> list[str]:
        """The messages that ask for a clause."""
        return [json.dumps({"text": clause, "contextId": context_id}), json.dumps({"operation": "flush"})]

    def cancel(self, context_id: str) -> str:
        """The message that stops what was asked for."""
        return json.dumps({"operation": "clear"})

    def read_greeting(self, message: str | bytes) -> None:
        """This protocol has none."""

    def read(self, message: str | bytes) -> tuple[str | None, list[Meaning]]:
        """The context id of an event, where it has one, and what it says.

        Raises `EngineError` where it can't be understood.
        """
        try:
            event = json.loads(message)
            return event.get("contextId"), self._meanings(event)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise garbled(self._base) from error

    def _meanings(self, event: dict[str, Any]) -> list[Meaning]:
        match event["type"]:
            case "chunk":
                return [Sound(base64.b64decode(event["data"], validate=True))]
            case "timestamps":
                times = event["word_timestamps"]
                return [WordTimes(_timed(times["words"], times["start"], times["end"]))]
            case "done":
                return [Done()]
            case "error":
                return [self._account.said(str(event.get("message", "")))]
        return []


def _query(options: RimeOptions) -> dict[str, str]:
    flags = {
        "reduceLatency": options.reduce_latency,
        "pauseBetweenBrackets": options.pause_between_brackets,
        "phonemizeBetweenBrackets": options.phonemize_between_brackets,
    }
    return {
        "speaker": options.voice,
        "modelId": options.model,
        "audioFormat": "pcm",
        "samplingRate": str(options.sample_rate_hz),
        "segment": "never",
        "lang": options.language,
        **({"speedAlpha": f"{1 / options.speed:.4g}"} if options.speed != 1 else {}),  # below 1 is faster in Mist v2
        **{name: "true" for name, wanted in flags.items() if wanted},
    }


def _timed(words: list[str], starts: list[float], ends: list[float]) -> tuple[TimedWord, ...]:
    timed = [
        TimedWord(str(word), float(start) * 1000, float(end) * 1000)
        for word, start, end in zip(words, starts, ends, strict=True)
    ]
    if any(word.end_ms < word.start_ms for word in timed) or any(a.start_ms > b.start_ms for a, b in pairwise(timed)):
        raise ValueError("times out of order")
    return tuple(timed)
