"""What deploying would do, in lines for a person: `vivavoce deploy --dry-run`."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from vivavoce_api.deployment import AgentService, Deployment
from vivavoce_modal.image import FILES, ROOT
from vivavoce_modal.options import MAX_LABEL_CHARS, ModalOptions

LINE_CHARS = 100


def description(deployment: Deployment, options: ModalOptions, username: str | None) -> str:
    """All lines. Contacts nobody; `username` is the name of the Modal workspace, if it is known."""
    lines = [*_service(deployment, options, username), *_scaling(deployment, options), *_image(deployment, options)]
    lines += [*_secrets(deployment), *(f"note: {note}" for note in deployment.notes)]
    return "\n".join(lines)


def url_of(options: ModalOptions, username: str | None) -> str:
    """Where the service answers, as far as it is known here."""
    return f"https://{username or 'USERNAME'}--{options.web_label}.modal.run"


def _service(deployment: Deployment, options: ModalOptions, username: str | None) -> Iterator[str]:
    service = deployment.service
    what = "agent" if isinstance(service, AgentService) else "model server"
    yield f"Modal app {options.app}: the {what} {service.name}"
    if options.server:
        yield "  URL          told by Modal when it is deployed (server: true)"
        return
    url = url_of(options, username)
    if isinstance(service, AgentService):
        yield f"  WebSocket    {url.replace('https', 'wss', 1)}/ws"
    yield f"  URL          {url}"
    label = url.split("//")[1].split(".")[0]
    if username is not None and len(label) > MAX_LABEL_CHARS:
        yield (
            f"  note: '{label}' has {len(label)} characters, {MAX_LABEL_CHARS} is the most; Modal will shorten it: "
            "take a shorter MODAL_APP_NAME"
        )


def _scaling(deployment: Deployment, options: ModalOptions) -> Iterator[str]:
    gpus = [options.gpu] if isinstance(options.gpu, str) else options.gpu
    yield f"  GPU          {', else '.join(gpus) if gpus else 'none'}"
    if isinstance(deployment.service, AgentService):
        yield f"  sessions     {deployment.service.sessions} in each container"
    most = "any number" if options.max_containers is None else str(options.max_containers)
    extra = f", {options.buffer_containers} more in reserve" if options.buffer_containers else ""
    yield f"  containers   {options.min_containers} to {most}{extra}; {options.scaledown_window_s} s idle, then gone"
    call = "conversation" if isinstance(deployment.service, AgentService) else "request"
    yield f"  time limits  {options.call_timeout_s} s a {call}, {options.startup_timeout_s} s to start"
    where = options.region if isinstance(options.region, str) else ", ".join(options.region or ())
    yield f"  region       {where or 'any'}; calls enter at {options.routing_region or 'the nearest'}"
    if options.snapshot != "off":
        yield f"  snapshot     {options.snapshot}"
    for name, place in options.volumes.items():
        yield f"  volume       {name} at {place}"


def _image(deployment: Deployment, options: ModalOptions) -> Iterator[str]:
    software = deployment.software
    yield f"  image        {options.base_image or 'Debian'}, Python {software.python}"
    if software.apt:
        yield f"    apt        {' '.join(software.apt)}"
    packages = [*software.requirements, *software.alone]
    yield f"    index      {len(packages)} package{'s' if len(packages) > 1 else ''}"
    yield from textwrap.wrap(
        " ".join(packages),
        LINE_CHARS,
        initial_indent=" " * 15,
        subsequent_indent=" " * 15,
        break_long_words=False,
        break_on_hyphens=False,
    )
    for wheel in software.wheels:
        yield f"    wheel      {wheel.name}"
    service = deployment.service
    if not isinstance(service, AgentService):
        yield f"    runs       {' '.join(service.command)}"
        return
    yield f"    runs       vivavoce prepare {FILES}/{service.prepared}" + (
        " on the GPU" if options.prepare_on_gpu else ""
    )
    for file in service.files:
        yield f"  mounts       {FILES}/{file.place}"
    for path in deployment.watched:
        yield f"  mounts       {ROOT}/{path.name}"


def _secrets(deployment: Deployment) -> Iterator[str]:
    for name, variables in deployment.secrets.items():
        yield f"  secret       {name}: {', '.join(variables)}"
    for name, value in deployment.environment.items():
        yield f"  variable     {name}{'' if value else ' (empty)'}"
