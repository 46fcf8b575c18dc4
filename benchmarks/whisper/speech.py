"""What is listened to: people's recordings, and synthetic utterances with known words in noisy rooms."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
from events import read_utterances
from rooms import AFTER_MS, Sound, recorded, some_room, trimmed
from voices import VOICES

from benchmarks.whisper.spoken import RATE_HZ, Spoken
from vivavoce.bench import load_clips

ROOT = Path(__file__).parents[2]
RECORDINGS = ROOT / "tests/data/speech"
UTTERANCES = ROOT / "benchmarks/turn_policy/utterances.tsv"
SILENCE_AFTER_MS = 200
HIBARI_HZ = 24_000


def recordings(folder: Path = RECORDINGS) -> list[Spoken]:
    """The recordings of a folder whose transcripts.tsv says what is said."""
    clips = load_clips(folder)
    return [Spoken(clip.name, " ".join(word.text for word in clip.words), clip.audio.pcm) for clip in clips]


def in_rooms(clips: Sequence[Spoken], rooms: int) -> list[Spoken]:
    """Each clip as it sounds in `rooms` rooms more: other levels, more noise, at times reverberation."""
    heard: list[Spoken] = []
    for number in range(rooms):
        for clip in clips:
            sound = np.frombuffer(clip.pcm, "<i2").astype(np.float32) / 32768
            heard.append(Spoken(f"{clip.name}, room {number}", clip.text, _in_a_room(sound, f"{number} {clip.name}")))
    return heard


def synthetic(count: int) -> list[Spoken]:
    """The first `count` utterances of the turn policy's data, by hibari's voice at six speeds and pitches.

    Each in a room of its own (level, noise, at times reverberation), the same on every machine.
    """
    import hibari

    heart = hibari.Hibari(voice="heart", threads=1)
    voices = [voice for voice in VOICES if voice.family == "hibari"]
    clips: list[Spoken] = []
    for utterance in read_utterances(UTTERANCES)[:count]:
        voice = voices[utterance.number % len(voices)]
        said = list(heart.stream(utterance.text, speed=voice.speed / voice.pitch, seed=0))
        sound = soxr.resample(np.concatenate(said), HIBARI_HZ * voice.pitch, RATE_HZ).astype(np.float32)
        pcm = _in_a_room(trimmed(sound), utterance.text)
        clips.append(Spoken(f"utterance {utterance.number}", utterance.text, pcm))
    return clips


def _in_a_room(sound: Sound, name: str) -> bytes:
    """The room is drawn from the name, so that it is the same on every machine."""
    room = some_room(np.random.default_rng(zlib.crc32(name.encode())))
    heard = recorded(sound, room)[: -(AFTER_MS - SILENCE_AFTER_MS) * RATE_HZ // 1000]
    return (heard * 32767).astype("<i2").tobytes()
