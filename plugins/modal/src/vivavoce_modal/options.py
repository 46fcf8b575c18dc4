"""What a deployment's YAML may say about `target: {plugin: modal}`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from vivavoce_api import Options

MAX_LABEL_CHARS = 63
"""Of one label of a host name (RFC 1035, section 2.3.4)."""

GPUS = (
    *("T4", "L4", "A10", "A10G", "L40S", "A100", "A100-40GB", "A100-80GB", "RTX-PRO-6000"),
    *("H100", "H100!", "H200", "B200", "B200+", "B300"),
)
"""GPUs that Modal lets one ask for (https://modal.com/docs/guide/gpu); `H100!` never becomes an H200."""

MAX_GPUS = 8

Label = Annotated[str, Field(min_length=1, max_length=MAX_LABEL_CHARS)]
Name = Annotated[str, Field(min_length=1, max_length=64)]
Place = Annotated[str, Field(pattern=r"^/[A-Za-z0-9._/-]+$", max_length=200)]


class ModelServerLookup(Options):
    """A model server that was deployed by itself, `modal deploy deploy/vllm.yaml`."""

    app: Name
    """Its app."""

    label: Label = "serve"
    """Its label."""

    method: Label = "web"
    """Its method."""

    variable: str = Field(default="VLLM_URL", pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """The variable that gets its URL when a container starts, unless it has a value already."""


class ModalOptions(Options):
    """Options of the deployment target `modal`."""

    app: Name
    """The app's name at Modal: lowercase letters, digits and dashes."""

    label: Label = "agent"
    """The service's name. The URL is https://USERNAME--APP-LABEL-METHOD.modal.run."""

    method: Label = "web"
    """The last part of that URL."""

    gpu: str | list[str] | None = None
    """The GPU, such as A100 or H100:2, or a list: the first that is free is taken. Default: none."""

    cpu: float | None = Field(default=None, gt=0, le=64)
    """Processor cores. Default: Modal's."""

    memory_mib: int | None = Field(default=None, ge=128, le=2_000_000)
    """Memory in MiB. Default: Modal's."""

    max_sessions: int | None = Field(default=None, ge=1, le=1_000)
    """Conversations (requests, of a model server) that a container takes. Default: the agent's `limits.max_sessions`. A
    container whose engines serve fewer takes fewer."""

    target_sessions: int | None = Field(default=None, ge=1, le=1_000)
    """Conversations in each container above which another container is started. Default: `max_sessions`."""

    min_containers: int = Field(default=0, ge=0, le=1_000)
    """Containers that always run, and cost."""

    max_containers: int | None = Field(default=None, ge=1, le=10_000)
    """Containers at most."""

    buffer_containers: int | None = Field(default=None, ge=0, le=1_000)
    """Containers to have ready beyond those in use, while any is in use."""

    scaledown_window_s: int = Field(default=300, ge=2, le=3_600)
    """Seconds for which a container without a conversation is kept."""

    call_timeout_s: int = Field(default=3_600, ge=1, le=86_400)
    """Length of one conversation in seconds: for Modal a WebSocket is one call."""

    startup_timeout_s: int = Field(default=900, ge=10, le=3_600)
    """Seconds in which a container must start."""

    accept_while_loading: bool = True
    """Answer `/status` and the page while engines load, and let early conversations wait. False: Modal sends nobody
    to a container before all is loaded, which is better where many containers run."""

    region: str | list[str] | None = None
    """Where containers run, such as us-east or eu-west. Default: anywhere. A region may cost more."""

    routing_region: str | None = None
    """Where calls enter Modal's network. Default: Modal's choice."""

    volumes: dict[Name, Place] = Field(default={}, max_length=20)
    """Volumes by name, and where they are mounted: caches that outlive containers. Made where they are missing."""

    base_image: str | None = Field(default=None, max_length=300)
    """An image of a registry to build on, such as nvidia/cuda:12.9.1-devel-ubuntu24.04. Default: Modal's Debian."""

    prepare_on_gpu: bool = False
    """Run `vivavoce prepare` on the GPU when the image is built, for engines that compile for it."""

    snapshot: Literal["off", "memory", "gpu"] = "off"
    """Start containers from a snapshot of a loaded one, for `gpu` with the GPU's memory too. New at Modal: try it
    before you rely on it."""

    server: bool = False
    """Use Modal's newer server primitive, of lower latency. Its URL has another form, printed when it is deployed.
    Calls find no container while none runs, so `min_containers` must be 1 or more."""

    model_server: ModelServerLookup | None = None
    """Where the language model's server is found when neither the agent nor a variable names it."""

    @field_validator("app", "label", "method")
    @classmethod
    def _makes_a_host_name(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?", value):
            near = re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") or "my-agent"
            raise ValueError(f"must be lowercase letters, digits and dashes, as it is part of the URL; try '{near}'")
        return value

    @field_validator("gpu")
    @classmethod
    def _is_offered(cls, value: str | list[str] | None) -> str | list[str] | None:
        for gpu in [value] if isinstance(value, str) else value or ():
            _check_gpu(gpu)
        return value or None

    @model_validator(mode="after")
    def _fits_together(self) -> ModalOptions:
        if len(self.web_label) > MAX_LABEL_CHARS:
            raise ValueError(
                f"app, label and method make '{self.web_label}', {len(self.web_label)} characters: "
                f"{MAX_LABEL_CHARS} is the most that a host name takes"
            )
        if self.server and self.min_containers < 1:
            raise ValueError("server: true needs min_containers: 1 or more, as calls find no container while none runs")
        if self.server and self.snapshot != "off":
            raise ValueError("server and snapshot can't be combined")
        if self.max_containers is not None and self.max_containers < self.min_containers:
            raise ValueError(f"max_containers ({self.max_containers}) is below min_containers ({self.min_containers})")
        return self

    @property
    def web_label(self) -> str:
        """The URL's first part, without the user's name."""
        return f"{self.app}-{self.label}-{self.method}"


def _check_gpu(text: str) -> None:
    name, _, count = text.partition(":")
    if name.upper() not in GPUS:
        raise ValueError(f"Modal has no GPU '{name}'; it has {', '.join(GPUS)}")
    if count and not (count.isdigit() and 1 <= int(count) <= MAX_GPUS):
        raise ValueError(f"'{text}' asks for {count} GPUs; one container can have 1 to {MAX_GPUS}")
