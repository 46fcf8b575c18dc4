"""Before a benchmark: a real model judges the clips' words, for a simulated judge to repeat at its own pace."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from vivavoce.bench.clips import Clip, beginnings
from vivavoce.conversation.words import words
from vivavoce.definition.agent import AgentDefinition
from vivavoce.definition.choice import Choice
from vivavoce.engines import load_choice
from vivavoce_api import Catalog, ConfigurationError, Kind, Message, PredictsEndOfTurn, SessionContext

JUDGE = "simulated-judge"

Key = TypeVar("Key")
Step = Callable[[str, int, int], None]
"""What is being done, how much of it, of how much."""


async def rehearsed(definition: AgentDefinition, clips: Sequence[Clip], tell: Step) -> dict[tuple[str, ...], float]:
    """For each beginning of a clip, as bare words, how likely it is all of it. Empty without a simulated judge.

    What the judge's script says is taken from there; its `reader` is asked about the rest, one by one, as it is in a
    conversation's first turn. Raises `VivavoceError`.
    """
    judge = definition.completeness
    if not isinstance(judge, Choice) or judge.offer.name != JUDGE:
        return {}
    options: Any = judge.options
    known = _recorded(options.script)
    texts = {
        said: " ".join(word.text for word in clip.words[: count + 1])
        for clip in clips
        for count, said in enumerate(beginnings(clip))
        if said and said not in known
    }
    return known | (await asked(options.reader, definition.instructions, texts, tell) if texts else {})


def _recorded(script: Path) -> dict[tuple[str, ...], float]:
    known: dict[tuple[str, ...], float] = {}
    try:
        for turn in json.loads(script.read_bytes()):
            said: tuple[str, ...] = ()
            for word in turn:
                said += tuple(words(word["word"]))
                if word.get("over") is not None:
                    known.setdefault(said, float(word["over"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"the script {script} can't be read: {error}") from error
    return known


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
    section: Mapping[str, Any], instructions: str, texts: Mapping[Key, str], tell: Step
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
