"""What the YAML may say about `llm: {plugin: openvino}`."""

from __future__ import annotations

from pydantic import Field, field_validator

from vivavoce_api import Options
from vivavoce_openvino.weights import BY_NAME, DEFAULT_MODEL


class OpenVinoOptions(Options):
    """Options of the `openvino` plugin."""

    model: str = DEFAULT_MODEL
    """qwen2.5-coder-0.5b, qwen2.5-coder-1.5b, or the path of a GGUF file of the architectures qwen2, qwen3 or llama."""

    threads: int | None = Field(default=None, ge=1, le=256)
    """CPU threads. Default: all cores up to 4, half of them beyond that."""

    context_tokens: int = Field(default=4096, ge=256, le=131_072)
    """Longest conversation, in tokens, the reply included."""

    temperature: float = Field(default=0.3, ge=0, le=2)
    """How adventurous the wording is, 0 to 2."""

    max_tokens: int = Field(default=200, ge=1, le=8192)
    """Longest reply, in tokens."""

    @field_validator("model")
    @classmethod
    def _model_is_named_or_a_file(cls, value: str) -> str:
        if value not in BY_NAME and not value.endswith(".gguf"):
            raise ValueError(f"'{value}' is neither {' nor '.join(BY_NAME)} nor the path of a .gguf file")
        return value
