"""A barge-in: how soon the agent falls silent when the user speaks over it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vivavoce.bench.ear import Ear, Played
from vivavoce.bench.outcome import Said
from vivavoce.wire.client import Arrival
from vivavoce_api import ReplyEnded


@dataclass(frozen=True, slots=True)
class BargeIn:
    """One interruption, in ms after the user's first voiced sample; None: the reply was not stopped.

    `silent_ms`: the last sample that a listener hears, whose client drops what it holds when the server says so.
    `plain_silent_ms`: the same for a client that knows only the three messages and plays all it got. `decided_ms`:
    the server's word came (None where it gives none), and `last_packet_ms` after it the reply's last sound came;
    not positive: nothing followed the decision.
    """

    silent_ms: float | None
    plain_silent_ms: float | None
    decided_ms: float | None
    last_packet_ms: float | None


def judge_barge_in(said: Said, arrivals: Sequence[Arrival], plain: Ear) -> BargeIn:
    """The outcome, when `said` was begun while a reply was heard; `plain` has heard all of the call, dropping nothing.

    Without the server's word, a reply counts as stopped when its sound has ended before the user's has.
    """
    spoke_s = said.voiced_from_s
    cut = [p for p in plain.played if p.start_s < said.voiced_until_s]
    if not cut:
        return BargeIn(None, None, None, None)
    reply_id = next((p.reply_id for p in cut if p.end_s > spoke_s), cut[-1].reply_id)
    sounds = [p for p in plain.played if p.reply_id == reply_id] if reply_id else cut
    ended = [a for a in arrivals if isinstance(a.item, ReplyEnded) and a.item.reply_id == reply_id and a.at_s > spoke_s]
    if ended:
        return _told(ended[0], sounds, spoke_s)
    end_s = sounds[-1].end_s
    stopped_ms = (end_s - spoke_s) * 1000 if end_s < said.voiced_until_s else None
    return BargeIn(stopped_ms, stopped_ms, None, None)


def _told(ending: Arrival, sounds: Sequence[Played], spoke_s: float) -> BargeIn:
    if not (isinstance(ending.item, ReplyEnded) and ending.item.interrupted):
        return BargeIn(None, None, None, None)
    plain_s = sounds[-1].end_s
    return BargeIn(
        silent_ms=(min(ending.at_s, plain_s) - spoke_s) * 1000,
        plain_silent_ms=(plain_s - spoke_s) * 1000,
        decided_ms=(ending.at_s - spoke_s) * 1000,
        last_packet_ms=(sounds[-1].arrived_s - ending.at_s) * 1000,
    )
