"""`python -m benchmarks.whisper`: the contest, its tables, and the files that are kept."""

from __future__ import annotations

import datetime
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from faster_whisper import WhisperModel
from rich.console import Console
from rich.progress import Progress

from benchmarks.whisper.batches import Waits, compare_batches
from benchmarks.whisper.contest import OURS, Score, Transcribe, compete, contestants, ratio
from benchmarks.whisper.speech import RECORDINGS, ROOT, in_rooms, recordings, synthetic
from benchmarks.whisper.spoken import Spoken
from vivavoce.bench.engines import machine, rich_table
from vivavoce.bench.engines.table import Cells, markdown_table
from vivavoce_api import no_progress
from vivavoce_whisper.loading import load_model
from vivavoce_whisper.options import WhisperOptions
from vivavoce_whisper.weights import model_folder

RESULTS = ROOT / "benchmarks/results"
SIZES = (2, 4)


def main(
    passes: Annotated[int, typer.Option(help="Passes of each contestant over each recording.", min=1)] = 5,
    rooms: Annotated[int, typer.Option(help="Other rooms for each recording, one pass each; 0: none.", min=0)] = 4,
    utterances: Annotated[int, typer.Option(help="Synthetic utterances, one pass each; 0: none.", min=0, max=148)] = 30,
    batches: Annotated[int, typer.Option(help="Rounds of the comparison with batches; 0: none.", min=0)] = 8,
    clips: Annotated[Path, typer.Option(metavar="DIR", help="Recordings with a transcripts.tsv.")] = RECORDINGS,
    model: Annotated[str, typer.Option(help="As in the agent's YAML.")] = "base",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    note: Annotated[str, typer.Option(help="Put beside the figures, such as 'machine shared'.")] = "",
    write: Annotated[
        bool, typer.Option(help="Write benchmarks/results/<date>-whisper-<machine>.md and .json.")
    ] = False,
) -> None:
    """Transcribe the same clips with the plugin and with faster-whisper, turn about, with the same weights."""
    options = WhisperOptions.model_validate({"model": model, "device": device})
    loaded = load_model(options, no_progress)
    transcribers = contestants(loaded, _their_model(loaded, options))
    people = recordings(clips)
    sets = {
        "recordings": (people, passes),
        "recordings in other rooms": (in_rooms(people, rooms), 1),
        "synthetic utterances": (synthetic(utterances), 1),
    }
    scores = {name: _compete(transcribers, said, times, name) for name, (said, times) in sets.items() if said}
    waits = _batches(loaded, people, batches) if batches else []
    head = [f"{machine()}; Whisper {model} on {loaded.model.device}, {loaded.model.compute_type}", note]
    tables = {_title(name, *sets[name]): cells(found) for name, found in scores.items()}
    if waits:
        tables["passes wanted at the same moment, and how long they take"] = batch_cells(waits)
    _print(head, tables)
    if write:
        _write(head, tables, scores, waits)


def _their_model(ours: WhisperModel, options: WhisperOptions) -> WhisperModel:
    """The same weights and arithmetic, which would be float32 on a CPU by default; nothing else is set."""
    folder = model_folder(options.model, no_progress)
    return WhisperModel(str(folder), device=ours.model.device, compute_type=ours.model.compute_type)


def _title(name: str, clips: Sequence[Spoken], passes: int) -> str:
    words = sum(len(clip.text.split()) for clip in clips)
    return f"{len(clips)} {name}, {words} words, {passes} {'pass' if passes == 1 else 'passes'} each"


def _compete(
    transcribers: Mapping[str, Transcribe], clips: Sequence[Spoken], passes: int, name: str
) -> dict[str, Score]:
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task(name, total=passes * len(clips))
        return compete(transcribers, clips, passes, lambda: bar.advance(task))


def _batches(model: WhisperModel, clips: Sequence[Spoken], rounds: int) -> list[Waits]:
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("batches", total=rounds * len(SIZES))
        return compare_batches(model, clips, SIZES, rounds, lambda: bar.advance(task))


def cells(scores: dict[str, Score]) -> Cells:
    """A row for each contestant; the ratios are to ours."""
    head = ["", "median pass", "best pass", "x ours (median)", "x ours (best)", "word error rate"]
    return [head, *(_row(name, score, scores[OURS]) for name, score in scores.items())]


def _row(name: str, score: Score, ours: Score) -> list[str]:
    return [
        name,
        f"{score.median_s * 1000:.0f} ms",
        f"{score.best_s * 1000:.0f} ms",
        f"{ratio(score, ours, statistics.median):.2f}",
        f"{ratio(score, ours, min):.2f}",
        f"{score.word_error_rate:.1%}",
    ]


def batch_cells(waits: Sequence[Waits]) -> Cells:
    """A row for each number of passes."""
    head = ["", "one after the other: mean", "the last", "as one batch: all"]
    rows = [(w.in_turn_mean_s, w.in_turn_last_s, w.batch_s) for w in waits]
    times = [[f"{seconds * 1000:.0f} ms" for seconds in row] for row in rows]
    return [head, *([f"{w.size} passes", *row] for w, row in zip(waits, times, strict=True))]


def _print(head: Sequence[str], tables: dict[str, Cells]) -> None:
    console = Console(highlight=False, width=None if Console().is_terminal else 140)
    console.print(*filter(None, head), sep="\n")
    for title, table in tables.items():
        console.print(rich_table(table, title))


def _write(
    head: Sequence[str], tables: dict[str, Cells], scores: dict[str, dict[str, Score]], waits: Sequence[Waits]
) -> None:
    today = datetime.date.today().isoformat()
    name = re.sub(r"(\((r|tm)\)|[^a-z0-9.])+", "-", machine().name.lower())
    facts = [f"- {fact}" for fact in (today, *head) if fact]
    parts = ["# Our Whisper pass against `WhisperModel.transcribe`", "\n".join(facts)]
    parts += [f"## {title[0].upper()}{title[1:]}\n\n{markdown_table(table)}" for title, table in tables.items()]
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{today}-whisper-{name}.md"
    path.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    told: dict[str, Any] = {"head": list(filter(None, head)), "batches": [asdict(one) for one in waits]}
    told["sets"] = {name: {who: asdict(score) for who, score in found.items()} for name, found in scores.items()}
    path.with_suffix(".json").write_text(json.dumps(told, indent=1), encoding="utf-8")
    Console(stderr=True).print(f"written to {path.relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
