"""What the YAML may say about `llm: {plugin: llamacpp}`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from vivavoce_api import Options
from vivavoce_llamacpp.models import BY_NAME, DEFAULT_MODEL


class LlamaCppOptions(Options):
    """Options of the `llamacpp` plugin."""

    model: str = DEFAULT_MODEL
    """qwen2.5-coder-0.5b, qwen2.5-coder-1.5b (better, half as fast), or the path of a GGUF file."""

    threads: int | None = Field(default=None, ge=1, le=256)
    """CPU threads. Default: all cores up to 4, half of them beyond that."""

    context_tokens: int = Field(default=4096, ge=256, le=131_072)
    """Longest conversation, in tokens, the reply included."""

    slots: int = Field(default=4, ge=1, le=64)
    """Conversations whose prompt stays in memory, and replies written at the same time; more of them wait."""

    temperature: float = Field(default=0.3, ge=0, le=2)
    """How adventurous the wording is, 0 to 2."""

    max_tokens: int = Field(default=200, ge=1, le=8192)
    """Longest reply, in tokens."""

    reads_user_as: Literal["user", "assistant"] = "user"
    """In whose name the model reads the user's words when it is asked whether they are complete. `user` shares the
    reply's prompt and cache; `assistant` tells ends from pauses better, for a model that does nothing else."""

    first_token_timeout_s: float = Field(default=60.0, gt=0, le=600)
    """Seconds to wait for the first words of a reply."""

    token_timeout_s: float = Field(default=30.0, gt=0, le=600)
    """Seconds to wait between two pieces of a reply."""

    start_timeout_s: float = Field(default=180.0, gt=0, le=3600)
    """Seconds that loading the model may take."""

    @field_validator("model")
    @classmethod
    def _model_is_named_or_a_file(cls, value: str) -> str:
        if value not in BY_NAME and not value.endswith(".gguf"):
            raise ValueError(f"'{value}' is neither {' nor '.join(BY_NAME)} nor the path of a .gguf file")
        return value
