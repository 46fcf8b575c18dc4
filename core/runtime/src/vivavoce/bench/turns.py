"""Turns and interruptions, held over a connection."""

from __future__ import annotations

import asyncio

from vivavoce.bench.barge_in import BargeIn, judge_barge_in
from vivavoce.bench.call import Call, open_call
from vivavoce.bench.line import Line
from vivavoce.bench.outcome import TurnOutcome, judge
from vivavoce.bench.plan import CallPlan, Plan, Purpose, Utterance
from vivavoce_api import EngineUnavailableError

# The first utterance of a call comes after so much of the room's noise, as a person's does.
SETTLING_S = 0.6
# Sound of the reply that an interruption waits for.
BARGE_IN_AFTER_S = 1.2


async def hold_turns(line: Line, plan: Plan, call: CallPlan) -> list[TurnOutcome]:
    """The turns of a call. After one that went wrong the rest is said in a new connection, so that it isn't spoilt."""
    outcomes: list[TurnOutcome] = []
    while len(outcomes) < len(call.utterances):
        outcomes += await _turns_until_wrong(line, plan, call, len(outcomes))
    return outcomes


async def _turns_until_wrong(line: Line, plan: Plan, call: CallPlan, first: int) -> list[TurnOutcome]:
    outcomes: list[TurnOutcome] = []
    async with open_call(line, plan, call.utterances[first].script_entry) as connection:
        if plan.greeting:
            await connection.greeted()
        await asyncio.sleep(SETTLING_S)
        for utterance, gap_s in list(zip(call.utterances, call.gaps_s, strict=True))[first:]:
            await asyncio.sleep(gap_s)
            outcomes.append(await _turn(connection, call.purpose, utterance))
            if outcomes[-1].went_wrong:
                break
    return outcomes


async def _turn(connection: Call, purpose: Purpose, utterance: Utterance) -> TurnOutcome:
    known = len(connection.arrivals)
    try:
        said = await connection.begin(utterance)
    except EngineUnavailableError as error:
        return _lost(purpose, utterance, error.message)
    if purpose is Purpose.PAUSE:  # what is asked for is known with the first sound: the rest of the reply can be spared
        await connection.until_answered(said)
    else:
        await connection.until_over(said)
    return judge(purpose, said, connection.arrivals[known:], connection.ear)


def _lost(purpose: Purpose, utterance: Utterance, words: str) -> TurnOutcome:
    return TurnOutcome(purpose, utterance.clip.name, utterance.pause_ms, None, None, faults=(words,))


async def interrupt(line: Line, plan: Plan, call: CallPlan) -> BargeIn:
    """Say the first utterance, and the second one over its reply."""
    first, second = call.utterances
    async with open_call(line, plan, first.script_entry) as connection:
        if plan.greeting:
            await connection.greeted()
        await asyncio.sleep(SETTLING_S + call.gaps_s[0])
        try:
            said = await connection.begin(first)
            if not await connection.until_answered(said):
                return BargeIn(None, None, None, None)
            await asyncio.sleep(BARGE_IN_AFTER_S)
            known = len(connection.arrivals)
            over = await connection.begin(second)
        except EngineUnavailableError:
            return BargeIn(None, None, None, None)
        await connection.until_answered(over)
        return judge_barge_in(over, connection.arrivals[known:], connection.plain_ear)
