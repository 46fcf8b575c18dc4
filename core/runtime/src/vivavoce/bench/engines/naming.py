"""What an engine is called in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vivavoce.definition.choice import Choice

SIMULATED = "simulated"
RANDOM = "random"


def engine_name(choice: Choice) -> str:
    """The plugin with its model, and a warning in capitals where it only pretends.

    Weights are random where an option says so: one whose value is `random`, or a switch with `random` in its name.
    """
    model = getattr(choice.options, "model", None)
    name = f"{choice.offer.name} ({model})" if isinstance(model, str) else choice.offer.name
    if choice.offer.name == SIMULATED:
        return "SIMULATED"
    options = choice.options.model_dump()
    is_random = any(value == RANDOM or (RANDOM in option and value is True) for option, value in options.items())
    return f"{name}, RANDOM WEIGHTS" if is_random else name
