"""What a benchmark says to a server, in which order, and with which silences between."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from itertools import product
from pathlib import Path

from vivavoce.bench.clips import Clip
from vivavoce.bench.pauses import find_gap, with_pause

PAUSES_MS = (300, 500, 700, 1000, 1500, 2000)


class Purpose(Enum):
    """Why a call is made."""

    WHOLE = "whole"
    PAUSE = "pause"
    BARGE_IN = "barge_in"


@dataclass(frozen=True, slots=True)
class Utterance:
    """A clip as it is said: `script_entry` is its place in the script, `pause` where a pause was put in, in ms."""

    script_entry: int
    clip: Clip
    pause_ms: int | None = None
    pause_at_ms: float | None = None


@dataclass(frozen=True, slots=True)
class CallPlan:
    """Utterances that are said in one connection, with the gap, in seconds, before each."""

    purpose: Purpose
    utterances: tuple[Utterance, ...]
    gaps_s: tuple[float, ...]


@dataclass(frozen=True)
class Plan:
    """Says everything about a measurement but whom it measures; equal plans say the same samples to every server.

    `turns` whole clips in turn, each `pauses_ms` once in each clip, and `barge_ins` interruptions. The room's noise
    (`noise_dbfs`, root mean square) never stops. After a reply has ended comes a gap drawn from `gap_s`. A connection
    holds `turns_a_call` turns; `greeting` says that the agent speaks first. `reply_quiet_s` without sound end a reply
    where the server doesn't say so; after `answer_timeout_s` a turn counts as not answered.
    """

    clips: Sequence[Clip]
    turns: int = 30
    pauses_ms: Sequence[int] = PAUSES_MS
    barge_ins: int = 3
    noise_dbfs: float = -60.0
    gap_s: tuple[float, float] = (0.4, 1.2)
    seed: int = 1
    turns_a_call: int = 3
    greeting: bool = False
    reply_quiet_s: float = 3.0
    answer_timeout_s: float = 10.0

    @cached_property
    def whole(self) -> list[Utterance]:
        """The clips as they are."""
        return [Utterance(index, clip) for index, clip in enumerate(self.clips)]

    @cached_property
    def paused(self) -> list[Utterance]:
        """Each clip with each pause, wherever a place for it is found."""
        paused: list[Utterance] = []
        for clip, pause_ms in product(self.clips, self.pauses_ms):
            gap = find_gap(clip, self.seed, pause_ms)
            if gap is not None:
                spoken = with_pause(clip, gap, pause_ms, self.seed)
                paused.append(Utterance(len(self.clips) + len(paused), spoken, pause_ms, gap.quiet_from_ms))
        return paused

    def calls(self) -> list[CallPlan]:
        """All calls, in order."""
        count, size = len(self.whole), self.turns_a_call
        rounds = [self.whole[start : start + size] for start in range(0, count, size)]
        calls: list[CallPlan] = []
        left = self.turns
        while left > 0:
            utterances = rounds[len(calls) % len(rounds)][:left]
            calls.append(self._call(len(calls), Purpose.WHOLE, utterances))
            left -= len(utterances)
        calls += [self._call(len(calls) + i, Purpose.PAUSE, [said]) for i, said in enumerate(self.paused)]
        for index in range(self.barge_ins if count > 1 else 0):
            first = 2 * index % (count - 1)
            calls.append(self._call(len(calls), Purpose.BARGE_IN, self.whole[first : first + 2]))
        return calls

    def script(self) -> list[list[dict[str, object]]]:
        """What a simulated speech-to-text must know: for each utterance its words, counted from its onset."""
        return [
            [{"word": word.text, "end_ms": round(word.end_ms - said.clip.onset_ms)} for word in said.clip.words]
            for said in [*self.whole, *self.paused]
        ]

    def write_script(self, path: Path) -> Path:
        """Write the script as JSON; returns `path`. Blocks. Raises `OSError`."""
        path.write_text(json.dumps(self.script()), encoding="utf-8")
        return path

    def _call(self, index: int, purpose: Purpose, utterances: Sequence[Utterance]) -> CallPlan:
        draw = random.Random(f"{self.seed} {index}")
        return CallPlan(purpose, tuple(utterances), tuple(draw.uniform(*self.gap_s) for _ in utterances))
