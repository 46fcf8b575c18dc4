"""Moments of silence to learn from: ends of turns, pauses at clauses, and cuts between words."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rooms import RATE_HZ, Sound
from voices import VOICES, Line

SPLICES = 2
SNAP_MS = 80
GAP_MS, GAP_DBFS = 60, -32.0


@dataclass(frozen=True, slots=True)
class Utterance:
    """`agent`: what the agent said before, may be empty. `clauses`: the user's words, cut where one might pause."""

    number: int
    agent: str
    clauses: tuple[str, ...]

    @property
    def text(self) -> str:
        """As it is written."""
        return " ".join(self.clauses)

    @property
    def halting(self) -> str:
        """With a comma at each place where one might pause."""
        return " ".join([*(clause.rstrip(",") + "," for clause in self.clauses[:-1]), self.clauses[-1]])


@dataclass(frozen=True, slots=True)
class Moment:
    """Speech up to a silence. `kind`: end, pause (at a clause) or splice (a cut between two words)."""

    kind: str
    text: str
    speech: Sound


def read_utterances(path: Path) -> list[Utterance]:
    """The utterances of a tab-separated file."""
    with path.open() as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return [
        Utterance(n, row["agent"].strip(), tuple(clause.strip() for clause in row["user"].split("|")))
        for n, row in enumerate(rows)
    ]


def lines_of(utterance: Utterance, rng: np.random.Generator) -> tuple[Line, Line]:
    """It is said fluently by one voice, haltingly by another."""
    first, second = rng.choice(len(VOICES), 2, replace=False)
    return Line(utterance.text, VOICES[first]), Line(utterance.halting, VOICES[second])


def fluent_moments(utterance: Utterance, speech: Sound, rng: np.random.Generator) -> Iterator[Moment]:
    """The end, and cuts at words."""
    yield Moment("end", utterance.text, speech)
    words = utterance.text.split()
    places = rng.permutation(np.arange(1, len(words)))[:SPLICES]
    for place in sorted(int(place) for place in places):
        text = " ".join(words[:place])
        yield Moment("splice", text, speech[: quietest_near(speech, len(text) / len(utterance.text))])


def halting_moments(utterance: Utterance, speech: Sound) -> Iterator[Moment]:
    """The end, and the pauses that the voice itself makes at commas."""
    yield Moment("end", utterance.halting, speech)
    for place, gap in enumerate(matched_gaps(utterance, gaps(speech), len(speech)), start=1):
        if gap is not None:
            yield Moment("pause", " ".join(utterance.clauses[:place]), speech[:gap])


def quietest_near(speech: Sound, share: float) -> int:
    """The sample near this share of the speech, within 80 ms, around which 20 ms are quietest."""
    reach, size = SNAP_MS * RATE_HZ // 1000, RATE_HZ // 50
    middle = int(np.clip(share * len(speech), reach + size, len(speech) - reach - size))
    energy = np.convolve(speech[middle - reach : middle + reach] ** 2, np.ones(size), "same")
    return middle - reach + int(energy.argmin())


def gaps(speech: Sound) -> list[tuple[int, int]]:
    """Start and end of each 60 ms and more that are 32 dB below the loudest 10 ms."""
    size = RATE_HZ // 100
    level = 10 * np.log10(np.mean(speech[: len(speech) // size * size].reshape(-1, size) ** 2, axis=1) + 1e-12)
    quiet = np.concatenate(([False], level < level.max() + GAP_DBFS, [False]))
    edges = np.flatnonzero(np.diff(quiet.astype(int)))
    return [(s * size, e * size) for s, e in edges.reshape(-1, 2) if (e - s) * 10 >= GAP_MS]


def matched_gaps(utterance: Utterance, found: Sequence[tuple[int, int]], samples: int) -> list[int | None]:
    """Where each clause but the last ends: the longest gap within a tenth of the speech around its expected place."""
    ends: list[int | None] = []
    for place in range(1, len(utterance.clauses)):
        expected = len(" ".join(utterance.clauses[:place])) / len(utterance.text) * samples
        near = [gap for gap in found if abs(gap[0] - expected) < 0.1 * samples]
        ends.append(max(near, key=lambda gap: gap[1] - gap[0])[0] if near else None)
    return ends
