"""Before a benchmark: what real models found of the clips, for simulated engines to repeat at their own pace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from vivavoce.conversation.words import words
from vivavoce.definition.agent import AgentDefinition
from vivavoce.definition.choice import Choice
from vivavoce.engines import load_choice
from vivavoce_api import Catalog, ConfigurationError, Kind, Message, PredictsEndOfTurn, SessionContext

TRANSCRIBER, JUDGE = "simulated", "simulated-judge"

Turn = list[dict[str, Any]]
"""An entry of a script: words, each with `word`, `end_ms`, and what was found after it."""
Findings = dict[tuple[str, ...], float]
"""Probabilities, for the bare words of the beginnings of turns."""
Key = TypeVar("Key")
Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


async def rehearse(definition: AgentDefinition, script: Path, tell: Tell) -> None:
    """Write into `script` what an agent's simulated speech-to-text and judge have to say of it.

    What the script of the one or the other says of the same words is taken from there. About the rest the judge's
    `reader` is asked, one by one, as it is in a conversation's first turn. Raises `VivavoceError`.
    """
    turns = read_turns(script)
    stt: Any = definition.stt.options
    if definition.stt.offer.name == TRANSCRIBER and stt.script is not None:
        fill_in(turns, "end_of_turn", recorded(read_turns(stt.script), "end_of_turn"))
    judge = definition.completeness
    if isinstance(judge, Choice) and judge.offer.name == JUDGE:
        fill_in(turns, "over", await _judged(definition.instructions, judge.options, turns, tell))
    write_turns(script, turns)


async def _judged(instructions: str, options: Any, turns: Sequence[Turn], tell: Tell) -> Findings:
    """How likely the user has finished, for each beginning of a turn."""
    known = recorded(read_turns(options.script), "over") | recorded(turns, "over")
    texts = {
        said: " ".join(word["word"] for word in turn[: count + 1])
        for turn in turns
        for count, said in enumerate(beginnings(turn))
        if said and said not in known
    }
    return known | (await asked(options.reader, instructions, texts, tell) if texts else {})


def read_turns(script: Path) -> list[Turn]:
    """The turns of a script. Blocks. Raises `ConfigurationError`."""
    try:
        turns = json.loads(script.read_bytes())
        return [[{**word, "word": str(word["word"])} for word in turn] for turn in turns]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the script {script} can't be read: {error}") from error


def write_turns(script: Path, turns: Sequence[Turn]) -> None:
    """Write a script. Blocks."""
    script.write_text(json.dumps(turns), encoding="utf-8")


def fill_in(turns: Sequence[Turn], name: str, known: Findings) -> None:
    """Write what is known at each word; nothing where it is not known."""
    for turn in turns:
        for word, said in zip(turn, beginnings(turn), strict=True):
            if not said:
                word[name] = 0.0
            elif said in known:
                word[name] = known[said]


def beginnings(turn: Turn) -> list[tuple[str, ...]]:
    """What has been said after each word, as bare words."""
    return list(accumulate((tuple(words(word["word"])) for word in turn), tuple.__add__))


def recorded(turns: Sequence[Turn], name: str) -> Findings:
    """What stands at the words."""
    return {
        said: float(word[name])
        for turn in turns
        for word, said in zip(turn, beginnings(turn), strict=True)
        if word.get(name) is not None
    }


def named(section: Mapping[str, Any], kind: Kind, place: str) -> Choice:
    """The engine that a simulated one's section names at `place`. Raises `ConfigurationError`."""
    name = section.get("plugin")
    entry = Catalog.installed().get(kind, name) if isinstance(name, str) else None
    if entry is None:
        raise ConfigurationError(
            f"the clips' words are not in the script, and {place} names no {kind.value} plugin that is installed",
            fix=f"{place}: {{plugin: NAME, ...}}; `vivavoce plugins` lists the names",
        )
    try:
        options = entry.offer.options.model_validate({key: value for key, value in section.items() if key != "plugin"})
    except ValidationError as error:
        raise ConfigurationError(f"{place}: {error.errors()[0]['msg']}") from error
    return Choice(entry, options)


async def asked(
    section: Mapping[str, Any], instructions: str, texts: Mapping[Key, str], tell: Tell
) -> dict[Key, float]:
    """What the language model of this section says of each text: how likely a user who said it has finished.

    Raises `VivavoceError`.
    """

    def loading(engine: str, step: str, done: int, total: int | None) -> None:
        tell(f"{engine} {step}", done, total or 0)

    engine = await load_choice("reader", named(section, Kind.LANGUAGE_MODEL, "completeness.reader"), loading)
    try:
        session = await engine.open_session(SessionContext("rehearsal"))
        if not isinstance(session, PredictsEndOfTurn):
            raise ConfigurationError(
                f"completeness.reader: '{section['plugin']}' can't tell whether words are complete"
            )
        found: dict[Key, float] = {}
        for key, text in texts.items():
            tell("asking the reader about the clips' words", len(found), len(texts))
            messages = [Message("system", instructions), Message("user", text)]
            found[key] = round(await session.end_of_turn_probability(messages), 4)
        tell("asking the reader about the clips' words", len(found), len(texts))
        return found
    finally:
        await engine.close()
