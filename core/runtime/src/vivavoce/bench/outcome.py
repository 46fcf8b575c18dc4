"""What became of a turn, judged from what was said when and what was heard when. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from vivavoce.bench.ear import Ear
from vivavoce.bench.plan import Purpose, Utterance
from vivavoce.wire.client import Arrival
from vivavoce_api import ErrorNotice, ReplyAudio, ReplyEnded, TurnLatency, UserTranscript

# After speech has ended, a reply of so little sound before a pause and another one is counted as answering twice.
SECOND_ANSWER_GAP_S = 1.5


@dataclass(frozen=True, slots=True)
class Said:
    """An utterance and when its first sample was spoken, in seconds of the client's clock.

    `late_ms`: by how much the client itself sent the last packet too late (the server is not to blame for it).
    """

    utterance: Utterance
    began_s: float
    late_ms: float = 0.0

    @property
    def voiced_from_s(self) -> float:
        """When the first voiced sample was spoken."""
        return self.began_s + self.utterance.clip.voiced_from_ms / 1000

    @property
    def voiced_until_s(self) -> float:
        """When the last voiced sample was spoken: the start of the clock."""
        return self.began_s + self.utterance.clip.voiced_until_ms / 1000

    @property
    def pause_s(self) -> tuple[float, float] | None:
        """When the inserted pause began and ended."""
        at_ms, pause_ms = self.utterance.pause_at_ms, self.utterance.pause_ms
        if at_ms is None or pause_ms is None:
            return None
        return self.began_s + at_ms / 1000, self.began_s + (at_ms + pause_ms) / 1000


@dataclass(frozen=True, slots=True)
class TurnOutcome:
    """One turn. Times in ms, after the last voiced sample; before it they are negative.

    `voice_to_voice_ms` is None when the turn was not answered after its end, and when it was cut into
    (`cut_in_at_ms`). `stages_ms`: the server's own marks, put on the client's clock; empty where it tells none.
    `faults`: things that should not happen, in words.
    """

    purpose: Purpose
    clip: str
    pause_ms: int | None
    voice_to_voice_ms: float | None
    cut_in_at_ms: float | None
    before_pause: bool = False
    transcript: str = ""
    stages_ms: Mapping[str, float] = field(default_factory=dict)
    faults: tuple[str, ...] = ()
    client_late_ms: float = 0.0

    @property
    def cut_in(self) -> bool:
        """Whether the agent answered while the user still spoke."""
        return self.cut_in_at_ms is not None

    @property
    def went_wrong(self) -> bool:
        """Whether the server may have taken the utterance for more or less than one turn."""
        return self.cut_in or self.voice_to_voice_ms is None or bool(self.faults)


def judge(purpose: Purpose, said: Said, arrivals: Sequence[Arrival], ear: Ear) -> TurnOutcome:
    """The outcome of `said`; `arrivals` are those since it began, `ear` has heard all sound of the call."""
    cut_in_s = cut_in_at(said, arrivals, ear)
    audible_s = ear.first_audible_s(said.voiced_until_s)
    answered = audible_s is not None and cut_in_s is None
    voice_to_voice_ms = (audible_s - said.voiced_until_s) * 1000 if answered and audible_s is not None else None
    pause = said.pause_s
    return TurnOutcome(
        purpose,
        said.utterance.clip.name,
        said.utterance.pause_ms,
        voice_to_voice_ms,
        (cut_in_s - said.voiced_until_s) * 1000 if cut_in_s is not None else None,
        before_pause=cut_in_s is not None and pause is not None and cut_in_s < pause[0],
        transcript=" ".join(text for _, text in final_transcripts(arrivals)),
        stages_ms=stages(arrivals, voice_to_voice_ms),
        faults=tuple(faults(said, arrivals, audible_s if answered else None)),
        client_late_ms=said.late_ms,
    )


def cut_in_at(said: Said, arrivals: Sequence[Arrival], ear: Ear) -> float | None:
    """When the agent cut in; None when it let the user finish.

    Either its voice is audible while the user still speaks (from the first voiced sample to the last, pauses
    included), or it took a pause for the end: a final transcript came in the inserted pause and was answered aloud
    without another one.
    """
    audible_s = ear.first_audible_s(said.voiced_from_s)
    if audible_s is not None and audible_s < said.voiced_until_s:
        return audible_s
    if audible_s is None or said.pause_s is None:
        return None
    came_s = [at_s for at_s, _ in final_transcripts(arrivals) if at_s <= audible_s]
    if came_s and said.pause_s[0] <= came_s[-1] < said.pause_s[1]:
        return came_s[-1]
    return None


def final_transcripts(arrivals: Sequence[Arrival]) -> list[tuple[float, str]]:
    """When each final transcript came, and its text."""
    return [(a.at_s, a.item.text) for a in arrivals if isinstance(a.item, UserTranscript) and a.item.final]


def stages(arrivals: Sequence[Arrival], voice_to_voice_ms: float | None) -> dict[str, float]:
    """The server's stages, shifted so that its own end of the turn's latency meets the client's."""
    told = [a.item for a in arrivals if isinstance(a.item, TurnLatency)]
    if voice_to_voice_ms is None or len(told) != 1:
        return {}
    shift_ms = voice_to_voice_ms - told[0].voice_to_voice_ms
    return {name.replace("_", " "): at_ms + shift_ms for name, at_ms in told[0].stages_ms.items()}


def faults(said: Said, arrivals: Sequence[Arrival], audible_s: float | None) -> list[str]:
    """What came in the wrong order, twice, or as an error."""
    found = [f"error: {a.item.message}" for a in arrivals if isinstance(a.item, ErrorNotice)]
    transcripts = final_transcripts(arrivals)
    if audible_s is not None:
        if not transcripts:
            found.append("answered without a transcript")
        elif transcripts[0][0] > audible_s:
            found.append("sound came before the transcript")
        if answers_after(said, arrivals) > 1:
            found.append("answered twice")
    interrupted = {a.item.reply_id: a.at_s for a in arrivals if isinstance(a.item, ReplyEnded) and a.item.interrupted}
    for a in arrivals:
        if isinstance(a.item, ReplyAudio) and a.at_s > interrupted.get(a.item.reply_id, a.at_s):
            found.append("sound of a reply came after its interruption")
            break
    return found


def answers_after(said: Said, arrivals: Sequence[Arrival]) -> int:
    """How many replies began to sound after the end of speech: by their ids, else by long silences between."""
    sounds = [a for a in arrivals if isinstance(a.item, ReplyAudio) and a.at_s > said.voiced_until_s]
    ids = {a.item.reply_id for a in sounds if isinstance(a.item, ReplyAudio)}
    if any(ids):
        return len(ids)
    gaps = sum(b.at_s - a.at_s > SECOND_ANSWER_GAP_S for a, b in pairwise(sounds))
    return min(1, len(sounds)) + gaps
