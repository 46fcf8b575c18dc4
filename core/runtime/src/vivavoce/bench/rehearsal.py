"""Before a benchmark: a real model judges the clips' words, for a simulated judge to repeat at its own pace."""

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

JUDGE = "simulated-judge"

Key = TypeVar("Key")
Tell = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much."""


async def rehearse(definition: AgentDefinition, script: Path, tell: Tell) -> None:
    """Write into `script` what an agent's simulated judge has to say of it; does nothing where there is no such judge.

    What the judge's own script says of the same words is taken from there. Its `reader` is asked about the rest, one by
    one, as it is in a conversation's first turn. Raises `VivavoceError`.
    """
    judge = definition.completeness
    if not isinstance(judge, Choice) or judge.offer.name != JUDGE:
        return
    options: Any = judge.options
    turns = _turns(script)
    known = _recorded(_turns(options.script)) | _recorded(turns)
    texts = {
        said: " ".join(word["word"] for word in turn[: count + 1])
        for turn in turns
        for count, said in enumerate(_beginnings(turn))
        if said and said not in known
    }
    if texts:
        known |= await asked(options.reader, definition.instructions, texts, tell)
    _fill_in(script, turns, known)


def _turns(script: Path) -> list[list[dict[str, Any]]]:
    try:
        turns = json.loads(script.read_bytes())
        return [[{**word, "word": str(word["word"])} for word in turn] for turn in turns]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"the script {script} can't be read: {error}") from error


def _fill_in(script: Path, turns: Sequence[Sequence[dict[str, Any]]], known: Mapping[tuple[str, ...], float]) -> None:
    for turn in turns:
        for word, said in zip(turn, _beginnings(turn), strict=True):
            word["over"] = known.get(said, 0.0)
    script.write_text(json.dumps(turns), encoding="utf-8")


def _beginnings(turn: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """What has been said after each word, as bare words."""
    return list(accumulate((tuple(words(word["word"])) for word in turn), tuple.__add__))


def _recorded(turns: Sequence[Sequence[Mapping[str, Any]]]) -> dict[tuple[str, ...], float]:
    return {
        said: float(word["over"])
        for turn in turns
        for word, said in zip(turn, _beginnings(turn), strict=True)
        if word.get("over") is not None
    }


def _reader(section: Mapping[str, Any]) -> Choice:
    name = section.get("plugin")
    entry = Catalog.installed().get(Kind.LANGUAGE_MODEL, name) if isinstance(name, str) else None
    if entry is None:
        raise ConfigurationError(
            "the clips' words are not in the script, and completeness.reader names no language model that is installed",
            fix="completeness: {plugin: simulated-judge, reader: {plugin: openvino}, ...}",
        )
    try:
        options = entry.offer.options.model_validate({key: value for key, value in section.items() if key != "plugin"})
    except ValidationError as error:
        raise ConfigurationError(f"completeness.reader: {error.errors()[0]['msg']}") from error
    return Choice(entry, options)


async def asked(
    section: Mapping[str, Any], instructions: str, texts: Mapping[Key, str], tell: Tell
) -> dict[Key, float]:
    """What the language model of this section says of each text: how likely a user who said it has finished.

    Raises `VivavoceError`.
    """

    def loading(engine: str, step: str, done: int, total: int | None) -> None:
        tell(f"{engine} {step}", done, total or 0)

    engine = await load_choice("reader", _reader(section), loading)
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
