"""What the YAML may say about `llm: {plugin: vllm}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator

from vivavoce_api import Options
from vivavoce_api.deployment import ModelService
from vivavoce_vllm.servers import ServerUrl, checked_host
from vivavoce_vllm.serving import ServedModel, service_of

DEFAULT_PORT = 8000


class ServerOptions(Options):
    """How vLLM itself is run, by `vivavoce serve-llm` or in a deployment; a client of a running server needs none."""

    max_model_len: int = Field(default=4096, ge=512, le=1_000_000)
    """Tokens that the conversation and the reply may have together. More costs memory for each conversation."""

    memory_share: float | None = Field(default=None, gt=0, le=0.97)
    """Part of the card's memory that vLLM takes. Default: what the agent's other engines leave, at most 0.9."""

    quantization: str | None = Field(default=None, pattern=r"^[a-z0-9_]{1,40}$")
    """Quantise the weights while loading, such as fp8; quantised models say so themselves."""

    load_format: Literal["auto", "dummy"] = "auto"
    """dummy: random weights, to measure speed without a download."""

    tool_call_parser: str | None = Field(default=None, pattern=r"^[a-z0-9_]{1,40}$")
    """How the model writes tool calls, such as hermes. Default: known for Qwen, Llama 3 and Mistral."""

    extra_args: tuple[str, ...] = Field(default=(), max_length=64)
    """Further arguments of `vllm serve`, such as [--seed, "1"]."""


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

    server: ServerOptions = ServerOptions()
    """How the server is run, where vivavoce runs it."""

    def model_service(
        self, gpu: str | None = None, *, beside: Mapping[str, int] | None = None, host: str = "0.0.0.0"
    ) -> ModelService:
        """The `vllm serve` command for a card, as `vivavoce_api.deployment.RunsModelServer` says.

        Raises `ConfigurationError` where no model is named, or it does not fit.
        """
        server = self.server
        port = ServerUrl.parse(self.base_url).port if self.base_url is not None else DEFAULT_PORT
        model = ServedModel(self.model, server.max_model_len, server.quantization, server.tool_call_parser)
        extra = (*(("--load-format", "dummy") if server.load_format == "dummy" else ()), *server.extra_args)
        return service_of(model, gpu, beside or {}, server.memory_share, (host, port), extra)

    async def wait_for_server(self, url: str | None = None, *, within_s: float) -> str:
        """Wait until the server serves and has the model, as `vivavoce_api.deployment.RunsModelServer` says."""
        from vivavoce_vllm.readiness import wait_for_server

        return await wait_for_server(url or self.base_url, self.model, self.api_key_env, within_s)

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
