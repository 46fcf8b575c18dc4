"""What an engine is called in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivavoce.definition.choice import Choice

SIMULATED = "simulated"
RANDOM = "random"


def pretence(choice: Choice) -> str | None:
    """In what way the engine only pretends: `SIMULATED`, `RANDOM WEIGHTS`, or None.

    Weights are random where an option says so: with a value that begins with `random`, or a switch of such a name.
    """
    if choice.offer.name == SIMULATED:
        return "SIMULATED"
    said = [option if value is True else value for option, value in choice.options.model_dump().items()]
    return "RANDOM WEIGHTS" if any(isinstance(words, str) and words.startswith(RANDOM) for words in said) else None


def engine_name(choice: Choice) -> str:
    """The plugin with its model, and a warning in capitals where it only pretends."""
    pretended = pretence(choice)
    if pretended == "SIMULATED":
        return pretended
    model = getattr(choice.options, "model", None)
    name = f"{choice.offer.name} ({model})" if isinstance(model, str) else choice.offer.name
    return f"{name}, {pretended}" if pretended else name
