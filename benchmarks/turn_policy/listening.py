"""What an agent would know at a moment: where voice activity sees the silence begin, and the signals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from rooms import RATE_HZ, Sound, to_pcm
from vivavoce_llamacpp.models import ending_odds
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.plugin import load as load_language_model
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.plugin import load as load_with_head
from vivavoce_openvino.weights import ENDING_ODDS as HEAD_ODDS
from vivavoce_pipecat import silero, smart_turn
from vivavoce_pipecat.models import SILERO, SMART_TURN, feature_code, open_model
from vivavoce_prosody import detector as prosody
from vivavoce_prosody.network import Network
from vivavoce_prosody.plugin import SHOWN_SILENCE_MS
from vivavoce_whisper.decoder import Decoded, Decoder
from vivavoce_whisper.loading import load_decoder
from vivavoce_whisper.options import WhisperOptions

from vivavoce_api import Message, SessionContext
from vivavoce_api.endings import rescaled

WINDOW = silero.WINDOW_SAMPLES
STARTS_AT, GOES_ON_AT = 0.5, 0.35
"""Of the voice's probability, as the runtime takes them."""
TRANSCRIBERS = {"heard_tiny": "tiny.en", "heard_base": "base"}
"""Which Whisper listens for each column."""
TRANSCRIBED_SILENCE_MS = 100
"""The runtime heeds the newest opinion of up to 120 ms of silence by level."""
INSTRUCTIONS = "You are a friendly voice assistant. Answer in one or two short sentences."


@dataclass(frozen=True, slots=True)
class Silence:
    """In samples from the start of the recording; `end` is None for the last one."""

    start: int
    end: int | None


class Ears:
    """Silero and smart-turn, as the plugin `pipecat` runs them, `prosody`, and what two sizes of Whisper find."""

    def __init__(self, threads: int = 1) -> None:
        self._silero = open_model(SILERO, _quiet, 1)
        self._prosody = Network.read()
        self._smart_turn = open_model(SMART_TURN, _quiet, threads)
        self._whispers: dict[str, Decoder] = {
            column: load_decoder(WhisperOptions(model=model), _quiet) for column, model in TRANSCRIBERS.items()
        }
        self._features = feature_code().compute_whisper_log_mel_features

    def silences(self, recording: Sound) -> list[Silence]:
        """All silences of two windows (64 ms) and more after the voice began."""
        voiced = self._voiced(recording)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], voiced, [False])).astype(int))).reshape(-1, 2)
        if not len(edges):
            return []  # too short or too soft to be noticed
        ends = [*(int(start) for start, _ in edges[1:]), None]
        found = [
            Silence(int(over) * WINDOW, None if end is None else end * WINDOW)
            for (_, over), end in zip(edges, ends, strict=True)
        ]
        return [silence for silence in found if silence.end is None or silence.end - silence.start >= 2 * WINDOW]

    def over(self, recording: Sound, start: int, silence_ms: float) -> float:
        """Smart-turn's probability at this silence, of the last 8 s of the recording."""
        heard = recording[: start + int(silence_ms * RATE_HZ / 1000)]
        return smart_turn.judge(self._smart_turn, self._features, to_pcm(heard))

    def sounds_over(self, recording: Sound, voiced_until: int) -> float:
        """Prosody's probability that who spoke until this sample has finished."""
        return prosody.judge(self._prosody, to_pcm(recording[: voiced_until + int(SHOWN_SILENCE_MS * RATE_HZ / 1000)]))

    def heard(self, recording: Sound, voiced_until: int) -> dict[str, Decoded]:
        """What each Whisper hears up to where the voice ends, at this sample, and a little silence."""
        pcm = to_pcm(recording[: voiced_until + TRANSCRIBED_SILENCE_MS * RATE_HZ // 1000])
        return {column: whisper.decode(pcm) for column, whisper in self._whispers.items()}

    def heard_over(self, recording: Sound, voiced_until: int) -> dict[str, float | None]:
        """For each Whisper, how likely the turn is over where the voice ends, at this sample; None: no words."""
        return over(self.heard(recording, voiced_until))

    def _voiced(self, recording: Sound) -> np.ndarray:
        memory, voiced = silero.Memory.blank(), []
        for start in range(0, len(recording) - WINDOW + 1, WINDOW):
            probability, memory = silero.judge(self._silero, to_pcm(recording[start : start + WINDOW]), memory)
            voiced.append(probability >= (GOES_ON_AT if any(voiced) else STARTS_AT))
        return np.array(voiced)


def over(heard: Mapping[str, Decoded]) -> dict[str, float | None]:
    """What transcribers find of the end, rounded."""
    found = {column: decoded.end_of_turn for column, decoded in heard.items()}
    return {column: None if likely is None else round(likely, 4) for column, likely in found.items()}


async def text_probabilities(
    asked: Sequence[tuple[str, str]], model: str, read_as: Literal["user", "assistant", "head"]
) -> dict[tuple[str, str], float]:
    """The language model's probability that the user's message ends, for pairs of (agent's words, user's words).

    By the plugin `llamacpp`, or `openvino` with its head. As the model finds it, before the plugins correct the odds.
    """
    engine, odds = _reader(model, read_as)
    try:
        session = await engine.open_session(SessionContext("turn-policy"))
        known: dict[tuple[str, str], float] = {}
        for agent, user in sorted(set(asked)):
            said = [Message("assistant", agent)] if agent else []
            messages = [Message("system", INSTRUCTIONS), *said, Message("user", user)]
            known[agent, user] = rescaled(await session.end_of_turn_probability(messages), 1 / odds)
        await session.close()
        return known
    finally:
        await engine.close()


def _reader(model: str, read_as: Literal["user", "assistant", "head"]) -> tuple[Any, float]:
    """An engine, and by what its plugin multiplies the odds."""
    if read_as == "head":
        return load_with_head(OpenVinoOptions(model=model), _quiet), HEAD_ODDS[model]
    options = LlamaCppOptions(model=model, reads_user_as=read_as)
    return load_language_model(options, _quiet), ending_odds(model, read_as)


def _quiet(*_: object) -> None:
    """Progress that nobody watches."""
