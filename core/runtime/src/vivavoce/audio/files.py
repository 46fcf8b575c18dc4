"""Sound files."""

from __future__ import annotations

import wave
from pathlib import Path

from vivavoce_api.audio import BYTES_PER_SAMPLE, AudioChunk
from vivavoce_api.errors import ConfigurationError
from vivavoce_api.transport import INPUT_SAMPLE_RATE_HZ


def read_audio(path: Path, sample_rate_hz: int = INPUT_SAMPLE_RATE_HZ) -> AudioChunk:
    """The whole file as mono PCM16 at `sample_rate_hz`: wav of any rate and width, and all else that FFmpeg reads.

    Blocks. Raises `ConfigurationError` when the file is missing or holds no sound that can be read.
    """
    import av
    from av.error import FFmpegError

    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file")
    resampler = av.AudioResampler(format="s16", layout="mono", rate=sample_rate_hz)
    pcm = bytearray()
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise ConfigurationError(f"{path} holds no audio")
            for packet in container.decode(audio=0):
                for frame in resampler.resample(packet):
                    pcm += frame.to_ndarray().tobytes()
        for frame in resampler.resample(None):
            pcm += frame.to_ndarray().tobytes()
    except FFmpegError as error:
        raise ConfigurationError(f"{path} can't be read as audio: {error.strerror}") from error
    return AudioChunk(bytes(pcm), sample_rate_hz)


def write_wav(path: Path, audio: AudioChunk) -> None:
    """Write `audio` as a wav file. Blocks. Raises `ConfigurationError` where the file can't be written."""
    try:
        with path.open("wb") as target, wave.open(target, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(BYTES_PER_SAMPLE)
            file.setframerate(audio.sample_rate_hz)
            file.writeframes(audio.pcm)
    except OSError as error:
        raise ConfigurationError(f"{path}: can't be written: {error.strerror}") from error
