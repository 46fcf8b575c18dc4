import pytest

from vivavoce_api import AudioChunk


def test_length_in_samples_and_milliseconds() -> None:
    chunk = AudioChunk(bytes(640), 16_000)
    assert (chunk.samples, chunk.duration_ms) == (320, 20)
    assert AudioChunk.silence(20, 16_000) == chunk


@pytest.mark.parametrize(("pcm", "rate"), [(b"\0", 16_000), (b"", 3_999), (b"", 192_001), (b"", 0)])
def test_impossible_audio_is_refused(pcm: bytes, rate: int) -> None:
    with pytest.raises(ValueError, match=r"even number|sample_rate_hz"):
        AudioChunk(pcm, rate)


@pytest.mark.parametrize(
    ("start_ms", "end_ms", "pcm"),
    [
        (0, 1, b"aabbccdd"),
        (0.25, 0.75, b"bbcc"),
        (0.5, None, b"ccdd"),
        (-5, 0.25, b"aa"),
        (2, 9, b""),
        (0.5, 0.25, b""),
    ],
)
def test_slices_are_clipped(start_ms: float, end_ms: float | None, pcm: bytes) -> None:
    assert AudioChunk(b"aabbccdd", 4_000).slice_ms(start_ms, end_ms).pcm == pcm
