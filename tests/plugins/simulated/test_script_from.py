"""A client may say where in the script its conversation begins."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from vivavoce_simulated.options import SpeechToTextOptions
from vivavoce_simulated.script import ScriptedWord
from vivavoce_simulated.speech_to_text import SimulatedSpeechToText

from vivavoce_api import AudioChunk, ClientError, Flush, SessionContext

ENGINE = SimulatedSpeechToText(SpeechToTextOptions(pass_ms=0), [[ScriptedWord(word=w, end_ms=10)] for w in "abc"])


async def first_text(parameters: dict[str, str]) -> str:
    async def audio() -> AsyncIterator[AudioChunk | Flush]:
        yield AudioChunk(np.full(1600, 8000, "<i2").tobytes(), 16_000)

    session = await ENGINE.open_session(SessionContext("s", parameters))
    return [transcript.text async for transcript in session.transcribe(audio())][-1]


def test_the_first_turn_is_the_one_that_the_client_names() -> None:
    assert asyncio.run(first_text({})) == "a"
    assert asyncio.run(first_text({"script_from": "2"})) == "c"
    assert asyncio.run(first_text({"script_from": "4"})) == "b"


@pytest.mark.parametrize("value", ["-1", "x", "", "12345678", "1.5", "²"])
def test_anything_but_a_number_is_refused(value: str) -> None:
    with pytest.raises(ClientError, match="script_from"):
        asyncio.run(first_text({"script_from": value}))
