"""Write spoken sentences of people, lines of a game, as clips for benchmarks.

    python benchmarks/turn_policy/write_clips.py FOLDER --games GAMES --agent agents/simulated.yaml
    python benchmarks/turn_policy/write_clips.py FOLDER --games GAMES

The first is for `vivavoce bench`: sentences that no head of ours learnt. FOLDER gets the recordings, `transcripts.tsv`,
a `script.json` of the words and when each ends, and `agent.yaml`: the agent with that script in place of its own. The
words are the game's; Whisper `base` finds their times, so sentences that it does not get word by word are left out.
Takes a few seconds a sentence. The second is for `benchmarks/whisper`: any sentences, recordings and transcripts alone.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from dialogues import SpokenLine
from faster_whisper import WhisperModel
from fit_whisper import is_held_out, shuffled_lines
from rooms import RATE_HZ, to_pcm
from vivavoce_whisper.loading import load_model
from vivavoce_whisper.options import WhisperOptions

from vivavoce.audio.files import write_wav
from vivavoce.bench.clips import onset_of
from vivavoce_api import AudioChunk
from vivavoce_api.word_errors import count_word_errors

FEWEST_WORDS, LONGEST_S = 5, 10.0
ONE_SENTENCE = re.compile(r"[^.!?]+[.!?]")
SCRIPT = re.compile(r"script: [^\s,}]+")

Turn = list[dict[str, Any]]


def main() -> None:
    """Choose the sentences, and write them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--games", type=Path, required=True)
    parser.add_argument("--agent", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--skip", type=int, default=0, help="sentences to leave out, such as those that were tuned to")
    options = parser.parse_args()
    first, end = options.skip, options.skip + options.count
    lines = filter(is_sentence, shuffled_lines(options.games))
    if options.agent is None:
        chosen = sorted(islice(lines, first, end), key=name_of)
        write_recordings(options.folder, chosen)
    else:
        model = load_model(WhisperOptions(model="base"), lambda *_: None)
        unlearnt = (line for line in lines if is_held_out(line.name))
        scripted = sorted(islice(timed(model, unlearnt), first, end), key=lambda found: name_of(found[0]))
        chosen = [line for line, _ in scripted]
        write_recordings(options.folder, chosen)
        write_agent(options.folder, [turn for _, turn in scripted], options.agent.read_text(encoding="utf-8"))
    print(f"{len(chosen)} sentences, {sum(len(line.text.split()) for line in chosen)} words: {options.folder}")


def is_sentence(line: SpokenLine) -> bool:
    """Whether it is one sentence of known words, neither short nor long."""
    fits = len(line.text.split()) >= FEWEST_WORDS and len(line.sound) <= LONGEST_S * RATE_HZ
    return fits and ONE_SENTENCE.fullmatch(line.text) is not None


def name_of(line: SpokenLine) -> str:
    """Its recording's."""
    return f"{line.name.replace('/', '-')}.wav"


def timed(model: WhisperModel, lines: Iterable[SpokenLine]) -> Iterator[tuple[SpokenLine, Turn]]:
    """The lines whose words the model hears, with the end of each word, in ms from the first voice."""
    for line in lines:
        segments, _ = model.transcribe(line.sound, language="en", word_timestamps=True)
        heard = [word for segment in segments for word in segment.words or ()]
        words = line.text.split()
        errors = count_word_errors(line.text, "".join(word.word for word in heard))
        if len(heard) == len(words) and not errors.edits:
            onset_ms = onset_of(AudioChunk(to_pcm(line.sound), RATE_HZ))
            ends_ms = [round(word.end * 1000 - onset_ms) for word in heard]
            yield line, [{"word": word, "end_ms": end} for word, end in zip(words, ends_ms, strict=True)]


def write_recordings(folder: Path, lines: Sequence[SpokenLine]) -> None:
    """The sounds, and `transcripts.tsv`."""
    folder.mkdir(parents=True, exist_ok=True)
    for line in lines:
        write_wav(folder / name_of(line), AudioChunk(to_pcm(line.sound), RATE_HZ))
    with (folder / "transcripts.tsv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, delimiter="\t", lineterminator="\n")
        rows.writerows([("file", "transcript"), *((name_of(line), line.text) for line in lines)])


def write_agent(folder: Path, turns: Sequence[Turn], agent: str) -> None:
    """`script.json`, and `agent.yaml` that names it."""
    script = json.dumps(turns, ensure_ascii=False, indent=1)
    (folder / "script.json").write_text(script + "\n", encoding="utf-8")
    (folder / "agent.yaml").write_text(SCRIPT.sub("script: script.json", agent), encoding="utf-8")


if __name__ == "__main__":
    main()
