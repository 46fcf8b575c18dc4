"""Before a benchmark: a real transcriber listens to the clips, for a simulated one to repeat what it finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from statistics import median
from typing import Any

from vivavoce.bench.clips import Clip
from vivavoce.bench.pauses import gap_after, with_pause
from vivavoce.bench.rehearsal import (
    TRANSCRIBER,
    Findings,
    Tell,
    Turn,
    beginnings,
    fill_in,
    named,
    read_turns,
    recorded,
    write_turns,
)
from vivavoce.bench.room import RoomNoise
from vivavoce.definition.agent import AgentDefinition
from vivavoce.engines import load_choice
from vivavoce_api import BYTES_PER_SAMPLE, AudioChunk, Flush, Kind, SessionContext, SpeechToTextSession

# The runtime heeds the newest opinion of up to 120 ms of silence, and decides nothing before 165 ms of it.
SILENCE_MS = 100.0
PAUSE_MS = 300.0
NOISE_DBFS = -60.0
# In how many stretches of noise a place is heard; the median counts.
NOISES = 3

Place = tuple[int, int]
"""Which clip, and how many of its words have been said."""


async def listen(definition: AgentDefinition, clips: Sequence[Clip], script: Path, tell: Tell) -> None:
    """Write into `script` what the `transcriber` of an agent's simulated speech-to-text finds in the clips' sound.

    What the script of its own says of the same words stands, also that nothing was found (null). Raises
    `VivavoceError`.
    """
    options: Any = definition.stt.options
    if definition.stt.offer.name != TRANSCRIBER or not options.transcriber:
        return
    kept = read_turns(options.script) if options.script is not None else []
    asked = {said for turn in kept for word, said in zip(turn, beginnings(turn), strict=True) if "end_of_turn" in word}
    places = {
        said: (number, count)
        for number, clip in enumerate(clips)
        for count, said in enumerate(beginnings(_turn(clip)), start=1)
        if said and said not in asked
    }
    if places:
        heard = await heard_after(options.transcriber, clips, list(places.values()), tell)
        found: Findings = {said: heard[place] for said, place in places.items() if place in heard}
        turns = read_turns(script)
        fill_in(turns, "end_of_turn", recorded(kept, "end_of_turn") | found)
        write_turns(script, turns)


async def heard_after(
    section: Mapping[str, Any], clips: Sequence[Clip], places: Sequence[Place], tell: Tell
) -> dict[Place, float]:
    """How likely the speech-to-text of this section finds it, at each place, that a turn is over.

    It is given the sound up to 100 ms of silence there, with room noise, three times. Places where it has no opinion
    are left out. Raises `VivavoceError`.
    """

    def loading(engine: str, step: str, done: int, total: int | None) -> None:
        tell(f"{engine} {step}", done, total or 0)

    engine = await load_choice("transcriber", named(section, Kind.SPEECH_TO_TEXT, "stt.transcriber"), loading)
    try:
        session = await engine.open_session(SessionContext("listening"))
        heard: dict[Place, float] = {}
        for done, (number, count) in enumerate(places):
            tell("the transcriber listens to the clips", done, len(places))
            sounds = sounds_until(clips[number], count)
            found = [over for over in [await _end_of_turn(session, sound) for sound in sounds] if over is not None]
            if found:
                heard[number, count] = round(median(found), 4)
        await session.close()
        tell("the transcriber listens to the clips", len(places), len(places))
        return heard
    finally:
        await engine.close()


def sounds_until(clip: Clip, words: int) -> list[AudioChunk]:
    """The clip up to 100 ms of silence after so many of its words, in three stretches of a room's noise."""
    if words >= len(clip.words):
        return [_in_room(clip.audio, clip.voiced_until_ms, seed) for seed in range(NOISES)]
    gap = gap_after(clip, words)
    return [_in_room(with_pause(clip, gap, PAUSE_MS, seed).audio, gap.quiet_from_ms, seed) for seed in range(NOISES)]


def _in_room(audio: AudioChunk, until_ms: float, seed: int) -> AudioChunk:
    length = round((until_ms + SILENCE_MS) * audio.sample_rate_hz / 1000) * BYTES_PER_SAMPLE
    return RoomNoise(NOISE_DBFS, seed).under(AudioChunk(audio.pcm[:length].ljust(length, b"\0"), audio.sample_rate_hz))


def _turn(clip: Clip) -> Turn:
    return [{"word": word.text} for word in clip.words]


async def _end_of_turn(session: SpeechToTextSession, sound: AudioChunk) -> float | None:
    end_of_turn = None
    async with aclosing(session.transcribe(_only(sound))) as transcripts:  # type: ignore[type-var]
        async for transcript in transcripts:
            end_of_turn = transcript.end_of_turn
    return end_of_turn


async def _only(sound: AudioChunk) -> AsyncIterator[AudioChunk | Flush]:
    yield sound
