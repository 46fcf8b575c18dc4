"""What is said, and how loud."""

import numpy as np
import pytest
from vivavoce_hibari.level import CEILING, KNEE, levelled, limited, pcm16, trimmed
from vivavoce_hibari.readable import readable

RATE_HZ = 24_000


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("*bold* and **very bold**, `code`, ~~no~~ and _so_", "bold and very bold, code, no and so"),
        ("- list item", "list item"),
        ("## Heading", "Heading"),
        ("> quoted", "quoted"),
        ("---", ""),
        ("```python", ""),
        ("| a | b |", "a b"),
        ("snake_case", "snake case"),
        ("3 * 4 = 12", "3 times 4 = 12"),
        ("See [the docs](https://a.b/c) now", "See the docs now"),
        ("Go to https://www.example.com/path?x=1.", "Go to example dot com."),
        ("www.python.org, or not", "python dot org, or not"),
        ("Great 😀!", "Great !"),
        ("😀👍🏽", ""),
        ("你好。", ""),
        ("Привет", ""),
        ("café naïve", "café naïve"),
        ("It is 20°C, or $3.50", "It is 20°C, or $3.50"),
        (" two \n lines ", "two lines"),
        ("...", ""),
        ("", ""),
    ],
)
def test_readable(written: str, said: str) -> None:
    assert readable(written) == said


def tone(peak: float, duration_ms: int) -> np.ndarray:
    return (peak * np.sin(np.arange(RATE_HZ * duration_ms // 1000) * 0.1)).astype(np.float32)


def test_silence_around_the_sound_goes() -> None:
    silence = np.zeros(RATE_HZ * 300 // 1000, np.float32)
    kept = trimmed(np.concatenate([silence, tone(0.2, 500), silence]), RATE_HZ)
    assert 500 <= len(kept) * 1000 / RATE_HZ <= 560


def test_nothing_but_silence_leaves_nothing() -> None:
    assert len(trimmed(np.zeros(1000, np.float32), RATE_HZ)) == 0
    assert len(trimmed(np.zeros(0, np.float32), RATE_HZ)) == 0


@pytest.mark.parametrize("peak", [0.07, 0.1])
def test_loud_and_soft_clauses_come_out_alike(peak: float) -> None:
    sound = levelled(tone(peak, 500), RATE_HZ)
    assert 20 * np.log10(np.sqrt(np.mean(sound**2))) == pytest.approx(-18, abs=0.2)


def test_the_limiter_leaves_soft_sounds_and_bounds_loud_ones() -> None:
    ramp = np.linspace(-3, 3, 1001, dtype=np.float32)
    out = limited(ramp)
    assert np.abs(out).max() <= CEILING + 1e-6
    assert np.array_equal(out[np.abs(ramp) < KNEE], ramp[np.abs(ramp) < KNEE])
    assert np.all(np.diff(out) >= 0)


def test_pcm16_does_not_wrap_around() -> None:
    assert np.frombuffer(pcm16(np.array([2.0, -2.0, 0.0], np.float32)), "<i2").tolist() == [32767, -32768, 0]
