"""The real model on real voices: words, silence, long talk."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soxr
from vivavoce_whisper.decoder import AGAIN, BEAMS, GREEDY, Decoder, Manner
from vivavoce_whisper.loading import load_decoder
from vivavoce_whisper.options import Decoding, WhisperOptions

from vivavoce_api import ConfigurationError, PrerequisiteError, no_progress
from vivavoce_api.testing import read_wav, word_error_rate

pytestmark = pytest.mark.slow

SPEECH = Path(__file__).parents[2] / "data" / "speech"


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    loaded = load_decoder(WhisperOptions(device="cpu"), no_progress)
    yield loaded
    loaded.close()


@pytest.fixture(scope="module")
def spoken() -> dict[str, bytes]:
    """What was said, and the PCM16 at 16 kHz in which it was said."""
    with (SPEECH / "transcripts.tsv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    assert len(rows) == 6
    return {row["transcript"]: at_16_khz(SPEECH / row["file"]) for row in rows}


def at_16_khz(path: Path) -> bytes:
    audio = read_wav(path)
    return soxr.resample(np.frombuffer(audio.pcm, "<i2"), audio.sample_rate_hz, 16_000).astype("<i2").tobytes()


@pytest.fixture
def exact() -> Iterator[Decoder]:
    """Without the rounding to eight bits, which differs by processor, and with it one sentence of the six."""
    loaded = load_decoder(WhisperOptions(device="cpu", compute_type="float32"), no_progress)
    yield loaded
    loaded.close()


def test_word_error_rate(decoder: Decoder, spoken: dict[str, bytes]) -> None:
    assert word_error_rate(" ".join(spoken), " ".join(decoder.decode(pcm).text for pcm in spoken.values())) < 0.15


def test_word_error_rate_against_faster_whisper(exact: Decoder, spoken: dict[str, bytes]) -> None:
    said = " ".join(spoken)
    ours = word_error_rate(said, " ".join(exact.decode(pcm).text for pcm in spoken.values()))
    theirs = word_error_rate(said, " ".join(faster_whisper(exact, pcm) for pcm in spoken.values()))
    print(f"word error rate: {ours:.1%}, faster-whisper's defaults {theirs:.1%}")
    assert ours <= theirs + 0.05


@pytest.mark.parametrize("manner", [GREEDY, BEAMS, AGAIN])
def test_a_text_is_cut_off_where_it_is_told_to_and_known_to_be(
    decoder: Decoder, spoken: dict[str, bytes], manner: Manner
) -> None:
    samples = np.frombuffer(next(iter(spoken.values())), "<i2").astype(np.float32) / 32768
    cut = decoder._hypothesis(samples, 12.0, 8, manner, lambda: True)
    whole = decoder._hypothesis(samples, 12.0, 60, manner, lambda: True)
    assert (cut.cut_off, whole.cut_off) == (True, False)
    assert len(cut.tokens) <= 8 < len(whole.tokens)


def test_hurried_speech_keeps_its_last_words(decoder: Decoder, spoken: dict[str, bytes]) -> None:
    """Half as fast again, and so with more tokens a second than anybody speaks."""
    pcm = next(pcm for text, pcm in spoken.items() if text.endswith("no intention of sharing."))
    hurried = soxr.resample(np.frombuffer(pcm, "<i2"), 24_000, 16_000).astype("<i2").tobytes()
    assert decoder.decode(hurried).text.endswith("no intention of sharing.")


def test_a_sentence_that_was_cut_off_ends_less_likely_than_a_whole_one(
    decoder: Decoder, spoken: dict[str, bytes]
) -> None:
    def end_of_turn(text: str, duration_s: float = 60.0) -> float:
        found = decoder.decode(spoken[text][: int(duration_s * 16_000) * 2]).end_of_turn
        assert found is not None
        return found

    whole = [end_of_turn(text) for text in spoken]
    had_in = next(text for text in spoken if text.endswith("I had in mind."))
    assert end_of_turn(had_in, duration_s=6.9) < min(whole)
    assert all(0 <= p <= 1 for p in whole)


@pytest.mark.parametrize("decoding", ["greedy", "checked"])
def test_other_ways_of_decoding_hear_no_worse(decoder: Decoder, spoken: dict[str, bytes], decoding: Decoding) -> None:
    other = Decoder(decoder._whisper, decoding=decoding)
    heard = " ".join(other.decode(pcm).text for pcm in spoken.values())
    assert word_error_rate(" ".join(spoken), heard) < 0.15


@pytest.mark.parametrize("decoding", ["greedy", "checked"])
@pytest.mark.parametrize("level", [0, 0.01])
def test_other_ways_of_decoding_hear_no_words_in_noise_either(
    decoder: Decoder, level: float, decoding: Decoding
) -> None:
    assert Decoder(decoder._whisper, decoding=decoding).decode(noise(2, level)).text == ""


def test_an_encoder_with_threads_of_its_own_hears_the_same(spoken: dict[str, bytes]) -> None:
    def heard(**threads: int) -> list[tuple[str, float | None]]:
        loaded = load_decoder(WhisperOptions(model="tiny.en", device="cpu", **threads), no_progress)
        found = [loaded.decode(pcm) for pcm in spoken.values()]
        loaded.close()
        return [(decoded.text, decoded.end_of_turn) for decoded in found]

    one, both = heard(cpu_threads=1), heard(cpu_threads=1, encoder_threads=2)
    assert word_error_rate(" ".join(text for text, _ in one), " ".join(text for text, _ in both)) < 0.05
    assert all(end_of_turn is not None for _, end_of_turn in both)


def faster_whisper(decoder: Decoder, pcm: bytes) -> str:
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
    segments, _ = decoder._whisper.transcribe(samples, language="en")
    return " ".join(segment.text for segment in segments)


def test_long_talk_keeps_its_words(decoder: Decoder, spoken: dict[str, bytes]) -> None:
    pause = noise(0.8, 0.001)
    decoded = decoder.decode(b"".join(pcm + pause for pcm in spoken.values()))
    assert decoded.settled_samples > 16_000 * 16
    assert word_error_rate(" ".join(spoken), f"{decoded.settled_text} {decoded.text}") < 0.2


@pytest.mark.parametrize("duration_s", [0.3, 1, 5])
@pytest.mark.parametrize("level", [0, 0.001, 0.01, 0.05])
def test_silence_and_noise_have_no_words(decoder: Decoder, duration_s: float, level: float) -> None:
    assert decoder.decode(noise(duration_s, level)).text == ""


def noise(duration_s: float, level: float) -> bytes:
    """White noise of this effective value (1 is full scale)."""
    samples = np.random.default_rng(7).normal(0, level, int(duration_s * 16_000))
    return (samples.clip(-1, 1) * 32767).astype("<i2").tobytes()


def test_any_local_folder_and_english_words_for_a_wrong_language(tmp_path: Path) -> None:
    from vivavoce_whisper.weights import model_folder

    folder = model_folder("base", no_progress)
    with pytest.raises(ConfigurationError, match="knows no language 'xx'"):
        load_decoder(WhisperOptions(model=str(folder), device="cpu", language="xx"), no_progress)


def test_cuda_without_a_gpu_says_so() -> None:
    import ctranslate2

    if ctranslate2.get_cuda_device_count() > 0:
        pytest.skip("needs a machine without a GPU: CUDA_VISIBLE_DEVICES= pytest tests/plugins/whisper")
    with pytest.raises(PrerequisiteError, match="no usable NVIDIA GPU"):
        load_decoder(WhisperOptions(device="cuda"), no_progress)


@pytest.mark.gpu
def test_cuda_hears_the_same_words(spoken: dict[str, bytes]) -> None:
    """Runs where there is an NVIDIA GPU and `vivavoce-whisper[cuda,weights]` is installed: `pytest -m gpu`."""
    import ctranslate2

    if ctranslate2.get_cuda_device_count() == 0:
        pytest.skip(
            "needs an NVIDIA GPU: there, pip install 'vivavoce-whisper[cuda]' and pytest -m gpu tests/plugins/whisper"
        )
    on_gpu = load_decoder(WhisperOptions(device="cuda"), no_progress)
    heard = " ".join(on_gpu.decode(pcm).text for pcm in spoken.values())
    on_gpu.close()
    assert word_error_rate(" ".join(spoken), heard) < 0.15
