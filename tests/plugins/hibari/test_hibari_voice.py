"""The real voice: clear, level, without silence in front; what can't be had is said."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from vivavoce_hibari import plugin
from vivavoce_hibari.plugin import HEART, HibariOptions, load

from vivavoce_api import (
    AudioChunk,
    Catalog,
    Kind,
    PrerequisiteError,
    SessionContext,
    Transcript,
    no_progress,
)
from vivavoce_api.testing import word_error_rate

SENTENCES = [
    "Good morning, it is lovely to see you again after such a long time.",
    "The quick brown fox jumps over the lazy dog, and then it runs away into the forest.",
    "If you would like to change the time of your appointment, please tell me which day suits you best.",
    "Take a deep breath, relax your shoulders, and think of a place where you feel safe.",
]


async def spoken(options: HibariOptions, texts: list[str]) -> list[np.ndarray]:
    engine = await asyncio.to_thread(load, options, no_progress)
    session = await engine.open_session(SessionContext("test"))

    async def written(text: str) -> AsyncIterator[str]:
        for word in text.split(" "):
            yield word + " "

    replies = []
    for text in texts:
        pcm = b"".join([chunk.audio.pcm async for chunk in session.synthesize(written(text))])
        replies.append(np.frombuffer(pcm, "<i2") / 32768)
    await engine.close()
    return replies


@pytest.mark.slow
def test_starts_at_once_and_is_level() -> None:
    replies = asyncio.run(spoken(HibariOptions(), [*SENTENCES, "Yes."]))
    for sound in replies:
        onset_ms = int(np.argmax(np.abs(sound) > 0.01)) / 24
        assert onset_ms < 60
        assert 0.3 < np.abs(sound).max() < 0.98
    loudness_db = [20 * np.log10(np.sqrt(np.mean(sound**2))) for sound in replies]
    assert max(loudness_db) - min(loudness_db) < 4


@pytest.mark.slow
def test_speed_changes_the_length() -> None:
    (slow,) = asyncio.run(spoken(HibariOptions(speed=0.8), SENTENCES[:1]))
    (fast,) = asyncio.run(spoken(HibariOptions(speed=1.4), SENTENCES[:1]))
    assert len(slow) > 1.3 * len(fast)


@pytest.mark.slow
def test_what_it_says_is_understood() -> None:
    entry = Catalog.installed().get(Kind.SPEECH_TO_TEXT, "whisper")
    if entry is None:
        pytest.skip("needs the whisper plugin: pip install vivavoce-whisper[weights]")
    soxr = pytest.importorskip("soxr", reason="pip install soxr")
    offer = entry.offer

    async def heard() -> list[str]:
        sounds = await spoken(HibariOptions(), SENTENCES)
        options = offer.options()
        await asyncio.to_thread(offer.prepare, options, no_progress)
        engine = await asyncio.to_thread(offer.load, options, no_progress)
        session = await engine.open_session(SessionContext("test"))
        texts = []
        for sound in sounds:
            pcm = (soxr.resample(sound, 24_000, 16_000).clip(-1, 1) * 32767).astype("<i2").tobytes()

            async def audio(pcm: bytes = pcm) -> AsyncIterator[AudioChunk]:
                yield AudioChunk(pcm, 16_000)

            transcripts: list[Transcript] = [transcript async for transcript in session.transcribe(audio())]
            texts.append(transcripts[-1].text)
        await engine.close()
        return texts

    assert word_error_rate(" ".join(SENTENCES), " ".join(asyncio.run(heard()))) < 0.15


def test_a_voice_that_is_not_here_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    with pytest.raises(PrerequisiteError, match="only 'heart' comes with the package"):
        load(HibariOptions(voice="emma"), no_progress)


def test_a_damaged_voice_is_not_loaded(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from hibari.voices import VOICES

    monkeypatch.setenv("HIBARI_HOME", str(tmp_path))
    damaged = tmp_path / VOICES["emma"]["file"]
    damaged.parent.mkdir(parents=True, exist_ok=True)
    damaged.write_bytes(b"not a model")
    with pytest.raises(PrerequisiteError, match="is damaged"):
        load(HibariOptions(voice="emma"), no_progress)


def test_the_packaged_voice_is_loaded_only_with_the_pinned_digest(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path))
    (file,) = HEART.files
    other = replace(HEART, files=(replace(file, sha256="0" * 64),))
    monkeypatch.setattr(plugin, "HEART", other)
    with pytest.raises(PrerequisiteError, match="it will not be loaded"):
        load(HibariOptions(), no_progress)
    assert not list(tmp_path.rglob(file.name))


def test_an_unknown_voice_is_refused() -> None:
    with pytest.raises(ValidationError, match="heart"):
        HibariOptions(voice="nobody")  # type: ignore[arg-type]
