"""What the YAML may say about `llm: {plugin: vllm}`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator

from vivavoce_api import Options
from vivavoce_vllm.servers import ServerUrl, checked_host


class VllmOptions(Options):
    """Options of the `vllm` plugin."""

    base_url: str | None = None
    """The server, for instance http://127.0.0.1:8000 or https://api.example.com/v1. Default: the variable VLLM_URL."""

    model: str | None = Field(default=None, min_length=1, max_length=512)
    """The model's name at the server. Default: the first that the server lists."""

    allowed_hosts: tuple[str, ...] = Field(default=(), max_length=256)
    """Servers that a client may choose with ?vllm_url=: each a host or host:port. Others are never contacted."""

    api_key_env: str = Field(default="VLLM_API_KEY", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable with the server's API key; not set or empty: no key is sent."""

    send_key_to_allowed_hosts: bool = False
    """Send the API key to servers chosen with ?vllm_url= too, over https or on this machine."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """How adventurous the wording is, 0 to 2. Default: the server's."""

    top_p: float | None = Field(default=None, gt=0, le=1)
    """Draw only from the likeliest words that together reach this probability. Default: the server's."""

    max_tokens: int | None = Field(default=512, ge=1, le=100_000)
    """Longest reply, in tokens; null: the server's limit."""

    extra_body: dict[str, Any] = Field(default={})
    """Further fields of the request, as the server documents them, for instance {top_k: 20}."""

    connect_timeout_s: float = Field(default=3.0, gt=0, le=60)
    """Seconds to wait for a connection."""

    first_token_timeout_s: float = Field(default=10.0, gt=0, le=600)
    """Seconds to wait for the first words of a reply, retries included."""

    token_timeout_s: float = Field(default=5.0, gt=0, le=600)
    """Seconds to wait between two pieces of a reply."""

    retries: int = Field(default=2, ge=0, le=5)
    """How often a request is sent again, before its first words only, when the server is away or too busy."""

    warm_prefix: bool = True
    """Fill the server's prefix cache ahead of the reply, with a request for a single token."""

    predict_end_of_turn: bool = True
    """Ask the model whether the user has finished. Needs vLLM or llama.cpp (`continue_final_message`)."""

    @field_validator("base_url")
    @classmethod
    def _base_url_is_sound(cls, value: str | None) -> str | None:
        if value is not None:
            ServerUrl.parse(value)
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _hosts_are_sound(cls, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(checked_host(value) for value in values)
