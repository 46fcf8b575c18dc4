"""Smart-turn: a finished sentence and a broken-off one, through the plugin and through Pipecat's own analyzer."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import numpy as np
import pytest
from vivavoce_pipecat import smart_turn
from vivavoce_pipecat.options import SmartTurnOptions

from vivavoce_api import AudioChunk, EngineError, SessionContext, no_progress


def judged(*turns: AudioChunk) -> list[float]:
    async def listen() -> list[float]:
        engine = smart_turn.load(SmartTurnOptions(), no_progress)
        try:
            session = await engine.open_session(SessionContext("s"))
            return [await session.probability(turn) for turn in turns]
        finally:
            await engine.close()

    return asyncio.run(listen())


def test_a_sentence_is_finished_and_the_same_without_its_last_words_is_not(sentences: list[AudioChunk]) -> None:
    sentence = sentences[1]
    whole, broken = judged(sentence, sentence.slice_ms(0, 0.9 * sentence.duration_ms))
    assert whole > 0.8
    assert broken < 0.2


def test_only_the_last_eight_seconds_count(speech: AudioChunk) -> None:
    long = AudioChunk(speech.pcm * 4, 16_000)
    assert judged(long) == judged(long.slice_ms(long.duration_ms - 8_000))


def test_no_audio_is_judged_too() -> None:
    (probability,) = judged(AudioChunk(b"", 16_000))
    assert 0 <= probability <= 1


def test_another_rate_is_refused() -> None:
    with pytest.raises(EngineError, match="16000 Hz, got 8000"):
        judged(AudioChunk.silence(1_000, 8_000))


def test_one_forward_pass_a_call(speech: AudioChunk) -> None:
    passes = []

    class Model:
        def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            passes.append(inputs["input_features"].shape)
            return [np.array([[0.25]], np.float32)]

    def features(audio: np.ndarray, *, do_normalize: bool = True) -> np.ndarray:
        return np.zeros((80, 800), np.float32)

    assert smart_turn.judge(Model(), features, speech.pcm) == 0.25  # pyright: ignore[reportArgumentType]
    assert passes == [(1, 80, 800)]


@pytest.mark.slow
def test_same_answers_as_pipecat(sentences: list[AudioChunk]) -> None:
    """In a process of its own: importing pipecat replaces `asyncio.wait_for`."""
    program = """
import sys, numpy as np
from loguru import logger
logger.remove()
from pipecat.audio.turn.smart_turn.local_smart_turn_v3 import LocalSmartTurnAnalyzerV3
analyzer = LocalSmartTurnAnalyzerV3()
for line in sys.stdin:
    samples = np.frombuffer(bytes.fromhex(line), np.int16).astype(np.float32) / 32768
    print(analyzer._predict_endpoint(samples)["probability"])
"""
    hexadecimal = "\n".join(sentence.pcm.hex() for sentence in sentences)
    theirs = subprocess.run([sys.executable, "-c", program], input=hexadecimal, capture_output=True, text=True)
    assert judged(*sentences) == pytest.approx([float(line) for line in theirs.stdout.split()], abs=1e-4)


def test_neither_model_imports_pipecat() -> None:
    program = """
import sys
from vivavoce_api import no_progress
from vivavoce_pipecat import silero, smart_turn
from vivavoce_pipecat.options import SileroOptions, SmartTurnOptions
silero.load(SileroOptions(), no_progress), smart_turn.load(SmartTurnOptions(), no_progress)
print([name for name in sys.modules if name.split(".")[0] in ("pipecat", "loguru")])
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert result.stdout.strip() == "[]"
