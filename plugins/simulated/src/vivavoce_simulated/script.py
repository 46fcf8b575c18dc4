"""What will be said, known beforehand: a JSON file of turns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from vivavoce_api import ConfigurationError

MAX_SCRIPT_BYTES = 16 << 20


class ScriptedWord(BaseModel):
    """A word and when it has been said, from the utterance's first voiced sample.

    `over`: how likely the utterance is over after it, as a real language model said when it was asked beforehand;
    `end_of_turn`: as a real transcriber found that was given the sound up to there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    word: str
    end_ms: float
    over: float | None = Field(default=None, ge=0, le=1)
    end_of_turn: float | None = Field(default=None, ge=0, le=1)


Turn = Sequence[ScriptedWord]
DEFAULT_SCRIPT: Sequence[Turn] = [[ScriptedWord(word="Hello", end_ms=300), ScriptedWord(word="there.", end_ms=600)]]


def read_script(path: Path | None) -> Sequence[Turn]:
    """The turns of a script file. Raises `ConfigurationError` when it can't be read or holds something else."""
    if path is None:
        return DEFAULT_SCRIPT
    try:
        if path.stat().st_size > MAX_SCRIPT_BYTES:
            raise ConfigurationError(f"the script {path} is larger than {MAX_SCRIPT_BYTES >> 20} MiB")
        script = TypeAdapter(list[list[ScriptedWord]]).validate_json(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"the script {path} can't be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(key) for key in first["loc"]) or "the file"
        raise ConfigurationError(
            f"the script {path} is no list of turns of {{word, end_ms, over}}: {place}: {first['msg']}"
        ) from error
    if not script:
        raise ConfigurationError(f"the script {path} holds no turn")
    return script
