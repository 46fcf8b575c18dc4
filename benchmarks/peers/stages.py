"""The simulated engines of vivavoce, as a server of another framework uses them. Runs in the peer's environment."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from vivavoce_api import AudioChunk, Flush, SessionContext, Transcript
from vivavoce_simulated.language_model import SimulatedLanguageModel
from vivavoce_simulated.options import LanguageModelOptions, SpeechToTextOptions, TextToSpeechOptions
from vivavoce_simulated.plugin import SAMPLE_RATE_HZ
from vivavoce_simulated.script import read_script
from vivavoce_simulated.speech_to_text import SimulatedSpeechToText
from vivavoce_simulated.text_to_speech import SimulatedTextToSpeech

INPUT_HZ = 16_000
OUTPUT_HZ = SAMPLE_RATE_HZ
PRE_ROLL_MS = 600.0
"""Sound from before the voice activity's decision that goes to speech-to-text: decisions come 50-250 ms late."""


@dataclass(frozen=True, slots=True)
class Stages:
    """The three engines, with the options that the agent's YAML gives them."""

    instructions: str
    speech_to_text: SimulatedSpeechToText
    language_model: SimulatedLanguageModel
    text_to_speech: SimulatedTextToSpeech


def load_stages(agent: Path, script: Path) -> Stages:
    """The engines of an agent whose `stt`, `llm` and `tts` all are `plugin: simulated`; `script` replaces its script.

    Raises `ValueError` where another engine is named.
    """
    document = yaml.safe_load(agent.read_text(encoding="utf-8"))
    hearing = SpeechToTextOptions.model_validate(_options(document, "stt"))
    return Stages(
        document["instructions"],
        SimulatedSpeechToText(hearing, read_script(script)),
        SimulatedLanguageModel(LanguageModelOptions.model_validate(_options(document, "llm"))),
        SimulatedTextToSpeech(TextToSpeechOptions.model_validate(_options(document, "tts")), OUTPUT_HZ),
    )


def _options(document: Mapping[str, Any], section: str) -> dict[str, Any]:
    options = dict(document[section])
    plugin = options.pop("plugin")
    if plugin != "simulated":
        raise ValueError(f"{section}: peers are measured with simulated engines, not {plugin}")
    return options


def session_context(session_id: str, parameters: Mapping[str, str]) -> SessionContext:
    """What the engines are told about a conversation; `parameters` as in the URL's query."""
    return SessionContext(session_id, dict(parameters))


class Hearing:
    """A streaming speech-to-text service for a framework: it is fed all the time and transcribes between `begin`
    and `end`, one utterance a turn of the user.

    `flush` is what services call "finalize": what was said since the last one, as soon as a pass over all
    audio so far is done. `on_partial` gets what a pass in between found since then.
    """

    def __init__(self, stages: Stages, context: SessionContext, on_partial: Callable[[str], Any]) -> None:
        self._stages = stages
        self._context = context
        self._on_partial = on_partial
        self._session: Any = None
        self._pre_roll: deque[AudioChunk] = deque()
        self._pre_roll_ms = 0.0
        self._queue: asyncio.Queue[AudioChunk | Flush] | None = None
        self._task: asyncio.Task[None] | None = None
        self._fed_ms = 0.0
        self._newest = Transcript("", 0.0)
        self._finalized = ""
        self._flushes: list[tuple[float, asyncio.Future[None]]] = []

    @property
    def listening(self) -> bool:
        """Whether an utterance is open."""
        return self._queue is not None

    def feed(self, chunk: AudioChunk) -> None:
        """Take in 16 kHz sound."""
        if self._queue is not None:
            self._queue.put_nowait(chunk)
            self._fed_ms += chunk.duration_ms
            return
        self._pre_roll.append(chunk)
        self._pre_roll_ms += chunk.duration_ms
        while self._pre_roll_ms > PRE_ROLL_MS:
            self._pre_roll_ms -= self._pre_roll.popleft().duration_ms

    def begin(self) -> None:
        """An utterance begins (with the sound just before); nothing happens when one is open."""
        if self._queue is not None:
            return
        self._queue = asyncio.Queue()
        self._fed_ms, self._newest, self._finalized = 0.0, Transcript("", 0.0), ""
        self._task = asyncio.create_task(self._transcribe(self._queue, self._task))
        pre_roll, self._pre_roll, self._pre_roll_ms = self._pre_roll, deque(), 0.0
        for chunk in pre_roll:
            self.feed(chunk)

    async def flush(self) -> str:
        """The words since the last flush, over all audio so far; empty when there are none."""
        if self._queue is None:
            return ""
        if self._newest.audio_ms < self._fed_ms - 0.01:
            covered = asyncio.get_running_loop().create_future()
            self._flushes.append((self._fed_ms, covered))
            self._queue.put_nowait(Flush())
            await covered
        words = self._new_words()
        self._finalized = self._newest.text
        return words

    def end(self) -> None:
        """The user's turn is over: the next utterance is the script's next."""
        self._queue = None
        if self._task is not None:
            self._task.cancel()
        for _, covered in self._flushes:
            covered.cancel()
        self._flushes = []

    async def close(self) -> None:
        """End the session."""
        self.end()
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _transcribe(self, queue: asyncio.Queue[AudioChunk | Flush], before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.gather(before, return_exceptions=True)
        if self._session is None:
            self._session = await self._stages.speech_to_text.open_session(self._context)
        transcripts = self._session.transcribe(_audio(queue))
        try:
            async for transcript in transcripts:
                self._take(transcript)
        finally:
            await transcripts.aclose()

    def _take(self, transcript: Transcript) -> None:
        self._newest = transcript
        answered = [covered for fed_ms, covered in self._flushes if fed_ms <= transcript.audio_ms + 0.01]
        self._flushes = [flush for flush in self._flushes if flush[0] > transcript.audio_ms + 0.01]
        for covered in answered:
            if not covered.done():
                covered.set_result(None)
        if not answered and (words := self._new_words()):
            self._on_partial(words)

    def _new_words(self) -> str:
        return self._newest.text.removeprefix(self._finalized).strip()


async def _audio(queue: asyncio.Queue[AudioChunk | Flush]) -> AsyncIterator[AudioChunk | Flush]:
    while True:
        yield await queue.get()
