"""Samples: what is good, what is wrong with others, and the folder of named voices."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from vivavoce_voxtream.options import VoxtreamOptions
from vivavoce_voxtream.sample import VoiceSample, faults_of, read_sample
from vivavoce_voxtream.voices import add_voice, load_voice, named_voices

from vivavoce_api import AudioChunk, ConfigurationError

CLIPS = sorted((Path(__file__).parents[2] / "data/speech").glob("*.wav"))
SPEECH = CLIPS[0]
RATE_HZ = 24_000


def sample(samples: NDArray[np.floating], rate_hz: int = RATE_HZ) -> VoiceSample:
    return VoiceSample.of(samples.astype(np.float32), rate_hz)


def noise(seconds: float, level: float) -> NDArray[np.float64]:
    return np.random.default_rng(0).standard_normal(int(seconds * RATE_HZ)) * level


@pytest.mark.parametrize("clip", CLIPS, ids=lambda path: path.stem)
def test_recordings_of_people_are_good(clip):
    assert faults_of(read_sample(clip)) == []


def speech_between_silence() -> VoiceSample:
    speech = read_sample(SPEECH).samples
    return sample(np.concatenate([np.zeros(12 * RATE_HZ), speech[RATE_HZ : RATE_HZ * 2]]))


@pytest.mark.parametrize(
    ("bad", "word", "right"),
    [
        (lambda: sample(read_sample(SPEECH).samples[: 2 * RATE_HZ]), "2.0 s long", "3 to 20 s"),
        (lambda: sample(np.tile(read_sample(SPEECH).samples, 6)), "23 s long", "cut it to 3 to 20 s"),
        (lambda: sample(read_sample(SPEECH).samples[::3], 8_000), "8000 Hz", "16000 Hz or more"),
        (lambda: sample(np.zeros(5 * RATE_HZ)), "silent", "closer to the microphone"),
        (lambda: sample(noise(5, 0.001)), "silent", "closer to the microphone"),
        (lambda: sample(np.clip(read_sample(SPEECH).samples * 40, -1, 1)), "clipped", "less gain"),
        (lambda: sample(noise(5, 0.1)), "no speech", "one voice alone"),
        (lambda: sample(0.3 * np.sin(np.arange(5 * RATE_HZ) / 20)), "no speech", "one voice alone"),
        (speech_between_silence, "s of voice", "3 s or more"),
    ],
    ids=["short", "long", "telephone", "silent", "faint", "clipped", "noise", "hum", "pauses"],
)
def test_bad_samples_are_told_with_what_would_be_right(bad, word, right):
    (fault,) = faults_of(bad())
    assert word in fault
    assert right in fault


@pytest.mark.parametrize(("width", "channels"), [(2, 1), (2, 2), (3, 1), (4, 2)])
def test_wav_files_of_several_kinds_are_the_same_voice(tmp_path, width, channels):
    ramp = np.linspace(-0.9, 0.9, 4 * RATE_HZ)
    whole = np.repeat((ramp * 2**31).astype("<i4"), channels)
    path = tmp_path / "ramp.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(RATE_HZ)
        file.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, 4 - width :].tobytes())
    read = read_sample(path)
    assert read.duration_s == 4
    assert np.abs(read.samples - ramp).max() < 1e-4


def test_the_key_is_that_of_what_can_be_heard(tmp_path):
    original = read_sample(SPEECH)
    copy = tmp_path / "other-name.wav"
    copy.write_bytes(SPEECH.read_bytes())
    assert read_sample(copy).key == original.key
    copy.write_bytes(SPEECH.read_bytes()[:-200])
    assert read_sample(copy).key != original.key
    assert VoiceSample.of(original.samples, 48_000).key != original.key


def test_files_that_are_no_samples(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no voice sample .*missing\.wav"):
        load_voice(tmp_path / "missing.wav")
    (tmp_path / "text.wav").write_text("not a sound")
    with pytest.raises(ConfigurationError, match=r"text\.wav can't be read as a wav file"):
        load_voice(tmp_path / "text.wav")
    with wave.open(str(tmp_path / "hour.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(bytes(2 * 8_000 * 600))
    with pytest.raises(ConfigurationError, match=r"hour\.wav is 600 s long"):
        read_sample(tmp_path / "hour.wav")


def test_an_added_voice_is_there_under_its_name(tmp_path):
    speech = read_sample(SPEECH)
    audio = AudioChunk((speech.samples * 32767).astype("<i2").tobytes(), speech.sample_rate_hz)
    assert named_voices(tmp_path / "voices") == {}
    path = add_voice(tmp_path / "voices", "anna-2", audio)
    assert named_voices(tmp_path / "voices") == {"anna-2": path}
    assert load_voice(path).duration_s == pytest.approx(speech.duration_s, abs=0.01)
    with pytest.raises(ConfigurationError, match="there is a voice 'anna-2' already"):
        add_voice(tmp_path / "voices", "anna-2", audio)
    assert [file.name for file in (tmp_path / "voices").iterdir()] == ["anna-2.wav"]


@pytest.mark.parametrize("name", ["", "Anna", "../anna", "a b", "x" * 41, "-", "anna.wav"])
def test_names_that_can_not_be(tmp_path, name):
    with pytest.raises(ConfigurationError, match="can't be a voice's name"):
        add_voice(tmp_path, name, AudioChunk(b"", RATE_HZ))
    assert list(tmp_path.iterdir()) == []


def test_a_bad_recording_is_not_added(tmp_path):
    with pytest.raises(ConfigurationError, match=r"no good as a voice sample: it is silent.*"):
        add_voice(tmp_path / "voices", "anna", AudioChunk.silence(5000, RATE_HZ))
    assert not (tmp_path / "voices").exists()


def test_the_folder_s_voices_by_name(tmp_path):
    voices = tmp_path / "voices"
    voices.mkdir()
    for name in ("bob", "anna", "Not A Name"):
        (voices / f"{name}.wav").write_bytes(SPEECH.read_bytes())
    (voices / "notes.txt").write_text("")
    named = VoxtreamOptions(voice=tmp_path / "anna", voices=voices)
    assert named.voice_file == voices / "anna.wav"
    assert list(named.voice_files()) == ["anna", "bob"]
    assert named.voice_faults(named.voice_file) == []
    path = VoxtreamOptions(voice=voices / "carl.wav")
    assert path.voice_file == voices / "carl.wav"
    assert list(path.voice_files()) == ["carl", "anna", "bob"]
    assert VoxtreamOptions(voice=tmp_path / "anna").voice_file == tmp_path / "anna"


def test_the_reminder_names_consent_and_the_licence():
    reminder = VoxtreamOptions(voice=SPEECH).voice_reminder
    assert "consent" in reminder
    assert "CC BY-NC" in reminder
