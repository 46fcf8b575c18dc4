"""Run the models: `features.csv` to fit on, `clips.csv` and `reader.csv` to judge by. Takes some half an hour.

    python benchmarks/turn_policy/make_features.py --piper-python VENV/bin/python --reader FOLDER
    python benchmarks/turn_policy/make_features.py --games FOLDER

The second makes `games.csv`, to fit on as well. The README says where VENV and the FOLDERs come from. Who only fits
anew needs none of it: `fit.py` reads the CSV files.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import soundfile
import soxr
from dialogues import SpokenLine
from events import Moment, Utterance, fluent_moments, halting_moments, lines_of, read_utterances
from fit_whisper import in_some_room, is_held_out, moments_of, pauses_of, shuffled_lines
from listening import TRANSCRIBERS, Ears, over, text_probabilities
from rooms import BEFORE_MS, RATE_HZ, Sound, recorded, some_room
from voices import speak

HERE = Path(__file__).parent
CLIPS = HERE.parents[1] / "tests" / "data" / "speech"
CLIP_WORDS = HERE.parents[1] / "agents" / "simulated.json"
LOOK_MS, LATE_LOOK_MS = 64, 192
"""When smart-turn looks; the late look is for the clips alone, to show that it is not worth its price."""
USUALLY_LATE = 75 * RATE_HZ // 1000
"""Samples by which voice activity sees the end of speech too late."""
CLIP_ROOMS, READER_ROOMS = 3, 2
GAME_LINES = 400
"""Of those that the transcribers' heads were not fitted to."""
LOST_MS = 100
"""Where voice activity has lost the voice for longer before its end, as in a loud room, the silence is another one."""
LARGE, SMALL = "qwen2.5-coder-1.5b", "qwen2.5-coder-0.5b"
READERS: dict[str, tuple[str, Literal["user", "assistant", "head"]]] = {
    "text_probability": (LARGE, "assistant"),
    "text_as_user": (LARGE, "user"),
    "text_small": (SMALL, "assistant"),
    "text_small_as_user": (SMALL, "user"),
    "text_head": (LARGE, "head"),
    "text_small_head": (SMALL, "head"),
}
"""Who reads the words for each column, and in whose name; with a head always in the user's."""
HEADS = [column for column, (_, role) in READERS.items() if role == "head"]
SPELLER = "heard_base"
"""Whose words are read where nobody wrote them down."""


@dataclass
class Row:
    """One silence.

    `pause_ms`: how long it lasted, for a gap in fluent speech; `late_ms`: voice activity's delay; `audio_...`: what
    smart-turn says of it, and `prosody`; `heard_...`: what Whisper finds; the others: the text signal, by the model of
    1.5 B and by the small one, with the words put to it as the assistant's or the user's, and by the heads that were
    fitted to both. Of the lines of games only what the fit beside a transcriber needs is known.
    """

    source: str
    speaker: str
    kind: str
    text: str
    agent: str
    speech_ms: int
    late_ms: int
    pause_ms: int | None
    prosody: float | None = None
    audio_64: float | None = None
    audio_192: float | None = None
    text_probability: float | None = None
    text_as_user: float | None = None
    text_small: float | None = None
    text_small_as_user: float | None = None
    text_head: float | None = None
    text_small_head: float | None = None
    heard_tiny: float | None = None
    heard_base: float | None = None


def main() -> None:
    """Make both files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--piper-python")
    parser.add_argument("--reader", type=Path)
    parser.add_argument("--games", type=Path)
    parser.add_argument(
        "--only-heads", action="store_true", help="ask the heads about the texts in the files as they are"
    )
    parser.add_argument(
        "--only-sound", action="store_true", help="make the sound anew and judge it; what was said of the words stays"
    )
    parser.add_argument(
        "--only-transcribers", action="store_true", help="make the sound anew, and let Whisper hear it; the rest stays"
    )
    options = parser.parse_args()
    if options.only_heads:
        for name in ("features", "clips", "reader"):
            ask_heads(HERE / f"{name}.csv")
        return
    if options.games:
        write_games(HERE / "games.csv", options.games)
        return
    if not options.piper_python or not options.reader:
        parser.error("--piper-python and --reader are needed to make all anew")
    ears = Ears()
    keep = add_heard if options.only_transcribers else keep_words if options.only_sound else write
    keep(HERE / "clips.csv", list(judged_rows(ears, clips(), "human", CLIP_ROOMS, seed=3)))
    keep(HERE / "reader.csv", list(judged_rows(ears, readings(options.reader), "reader", READER_ROOMS, seed=5)))
    keep(HERE / "features.csv", list(synthetic_rows(ears, options.piper_python)))


def keep_words(path: Path, rows: list[Row]) -> None:
    """Save the rows with the language models' answers that a file has; silences after other words are left out."""
    with path.open(newline="") as file:
        answers = {
            (row["agent"], row["text"]): {column: row[column] for column in READERS} for row in csv.DictReader(file)
        }
    known = [row for row in rows if (row.agent, row.text) in answers]
    print(f"{path.name}: {len(rows) - len(known)} silences after words that nobody was asked about")
    save(path, [asdict(row) | answers[row.agent, row.text] for row in known])


def add_heard(path: Path, rows: list[Row]) -> None:
    """Save what the transcribers found beside the silences that a file has, for those that were found again.

    Another processor rounds voices otherwise, so that a gap may be missing, or begin some milliseconds later.
    """
    found: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        found.setdefault((row.source, row.speaker, row.kind, row.text), []).append(row)
    with path.open(newline="") as file:
        kept: list[dict[str, Any]] = list(csv.DictReader(file))
    missing = 0
    for old in kept:
        same = found.get((old["source"], old["speaker"], old["kind"], old["text"]), [])
        nearest = min(same, key=lambda row: abs(row.speech_ms - int(old["speech_ms"])), default=None)
        missing += nearest is None
        old |= {column: None if nearest is None else getattr(nearest, column) for column in TRANSCRIBERS}
    print(f"{path.name}: {missing} silences were not found again")
    save(path, kept)


def synthetic_rows(ears: Ears, piper_python: str) -> Iterator[Row]:
    """Each utterance said twice, in some room."""
    rng = np.random.default_rng(2)
    utterances = read_utterances(HERE / "utterances.tsv")
    lines = [lines_of(utterance, rng) for utterance in utterances]
    speech = speak([line for pair in lines for line in pair], piper_python)
    for utterance, (fluent, halting) in zip(utterances, lines, strict=True):
        for line, moments in (
            (fluent, fluent_moments(utterance, speech[fluent], rng)),
            (halting, halting_moments(utterance, speech[halting])),
        ):
            voice = f"{line.voice.family}-{line.voice.speed}-{line.voice.pitch}"
            yield from rows_of(ears, moments, utterance, voice, rng)


def rows_of(
    ears: Ears, moments: Iterator[Moment], utterance: Utterance, speaker: str, rng: np.random.Generator
) -> Iterator[Row]:
    """All moments of one reading, in one room, and the gaps within the whole of it."""
    room = some_room(rng)
    for moment in moments:
        recording = recorded(moment.speech, room)
        said_until = BEFORE_MS * RATE_HZ // 1000 + len(moment.speech)
        for silence in ears.silences(recording):
            if silence.end is not None and moment.kind != "end":
                continue
            kind = moment.kind if silence.end is None else "gap"
            text = moment.text if silence.end is None else until(moment.text, silence.start, len(moment.speech))
            pause_ms = None if silence.end is None else (silence.end - silence.start) * 1000 // RATE_HZ
            voiced_until = said_until if kind != "gap" else silence.start - USUALLY_LATE
            yield Row(
                str(utterance.number),
                speaker,
                kind,
                text,
                utterance.agent,
                silence.start * 1000 // RATE_HZ - BEFORE_MS,
                (silence.start - said_until) * 1000 // RATE_HZ if kind != "gap" else 0,
                pause_ms,
                round(ears.sounds_over(recording, voiced_until), 4),
                round(ears.over(recording, silence.start, LOOK_MS), 4),
                round(ears.over(recording, silence.start, LATE_LOOK_MS), 4) if look_again(speaker, pause_ms) else None,
                **ears.heard_over(recording, voiced_until),
            )


def write_games(path: Path, games: Path) -> None:
    """Save silences in spoken lines: what transcribers and the heads say of them, but not the words."""
    ears = Ears()
    lines = [line for line in shuffled_lines(games) if is_held_out(line.name)][:GAME_LINES]
    rows = [row for line in lines for row in game_rows(ears, line)]
    save(path, [row | {"text": ""} for row in ask([asdict(row) for row in rows], HEADS)])


def game_rows(ears: Ears, line: SpokenLine) -> Iterator[Row]:
    """The end of a line, a cut and a pause in it, as far as voice activity and both transcribers notice them."""
    rng = np.random.default_rng(zlib.crc32(f"{line.name} judged".encode()))
    for kind, speech in chain(moments_of(line, rng), islice(pauses_of(line, rng), 1)):
        recording, voiced_until = in_some_room(speech, rng)
        heard, silences = ears.heard(recording, voiced_until), ears.silences(recording)
        if not silences or not all(decoded.text for decoded in heard.values()):
            continue
        speech_ms = silences[-1].start * 1000 // RATE_HZ - BEFORE_MS
        late_ms = (silences[-1].start - voiced_until) * 1000 // RATE_HZ
        if late_ms >= -LOST_MS:
            yield Row(line.name, "game", kind, heard[SPELLER].text, "", speech_ms, late_ms, None, **over(heard))


def look_again(speaker: str, pause_ms: int | None) -> bool:
    """Whether to look a second time, in a silence that lasts until then."""
    return speaker == "human" and (pause_ms is None or pause_ms >= LATE_LOOK_MS)


def until(text: str, start: int, samples: int) -> str:
    """Roughly the words that were said when a gap began."""
    words, share = text.split(), (start - BEFORE_MS * RATE_HZ // 1000) / samples
    return " ".join(words[: max(1, round(share * len(words)))])


@dataclass(frozen=True)
class Clip:
    """Real speech, and its words with the moments, in ms, when each has been said."""

    name: str
    speech: Sound
    words: list[tuple[str, float]]


def clips() -> Iterator[Clip]:
    """The six clips of `tests/data/speech`, each by another speaker."""
    for path, words in zip(sorted(CLIPS.glob("*.wav")), json.loads(CLIP_WORDS.read_text()), strict=True):
        yield Clip(path.stem, voiced_part(resampled(path)), [(word["word"], word["end_ms"]) for word in words])


def readings(folder: Path) -> Iterator[Clip]:
    """The sentences of an audio book in pocketsphinx's test data, aligned there: `NAME.wav` with `NAME.json`."""
    for path in sorted(folder.glob("*.wav")):
        words = [word for word in json.loads(path.with_suffix(".json").read_text())["w"] if word["t"][0].isalpha()]
        start_s, end_s = words[0]["b"], words[-1]["b"] + words[-1]["d"] + 0.02
        speech = resampled(path)[int(start_s * RATE_HZ) : int(end_s * RATE_HZ)]
        ends_ms = [1000 * (word["b"] + word["d"] - start_s) for word in words]
        yield Clip(path.stem, speech, list(zip([word["t"].split("(")[0] for word in words], ends_ms, strict=True)))


def resampled(path: Path) -> Sound:
    """The sound of a file at 16 kHz."""
    sound, rate_hz = soundfile.read(path, dtype="float32")
    return soxr.resample(sound, rate_hz, RATE_HZ)


def judged_rows(ears: Ears, heard: Iterator[Clip], speaker: str, rooms: int, seed: int) -> Iterator[Row]:
    """The ends of all clips in several rooms, and a cut after each of their words in one of these."""
    rng = np.random.default_rng(seed)
    for clip in heard:
        words = [word for word, _ in clip.words]
        utterance = Utterance(-1, "", (" ".join(words),))
        for n in range(rooms):
            cuts = [
                Moment("splice", " ".join(words[:k]), clip.speech[: int(clip.words[k - 1][1] * RATE_HZ / 1000)])
                for k in range(2 + n, len(words), rooms)
            ]
            for row in rows_of(
                ears, iter([Moment("end", utterance.text, clip.speech), *cuts]), utterance, speaker, rng
            ):
                row.source = clip.name
                yield row


def voiced_part(sound: Sound) -> Sound:
    """From the first to the last 10 ms above a twentieth of the loudest: the clock that the clips' word times use."""
    size = RATE_HZ // 100
    level = np.sqrt(np.mean(sound[: len(sound) // size * size].reshape(-1, size) ** 2, axis=1))
    loud = np.flatnonzero(level > max(0.05 * level.max(), 0.004))
    return sound[loud[0] * size : (loud[-1] + 1) * size]


def write(path: Path, rows: list[Row]) -> None:
    """Ask the language models for all texts at once, and save."""
    save(path, ask([asdict(row) for row in rows], READERS))


def ask_heads(path: Path) -> None:
    """Ask the heads about the texts in a file, and save."""
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    save(path, ask(rows, HEADS))


def ask(rows: list[dict[str, Any]], columns: Iterable[str]) -> list[dict[str, Any]]:
    """The rows with the text signal in these columns."""
    asked = [(row["agent"], row["text"]) for row in rows]
    for column in columns:
        known = asyncio.run(text_probabilities(asked, *READERS[column]))
        for row in rows:
            row[column] = round(known[row["agent"], row["text"]], 5)
    return rows


def save(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write the file."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{path.name}: {len(rows)} silences")


if __name__ == "__main__":
    main()
