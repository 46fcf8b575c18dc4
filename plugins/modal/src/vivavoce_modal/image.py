"""The image, layer by layer: what changes seldom comes first, so that editing YAML or voices builds nothing anew."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vivavoce_api.deployment import AgentService, Deployment, ModelService, Software
from vivavoce_modal.options import ModalOptions

if TYPE_CHECKING:
    import modal

ROOT = "/vivavoce"
WHEELS = f"{ROOT}/wheels"
FILES = f"{ROOT}/agent"
CACHES = {
    "VIVAVOCE_CACHE": f"{ROOT}/cache",
    "HF_HOME": f"{ROOT}/weights/huggingface",
    "TORCH_HOME": f"{ROOT}/weights/torch",
}
"""Where `vivavoce prepare` puts what it fetches: into the image, so that no container fetches it when it starts."""

UV = "/.uv/uv"
"""Where `Image.uv_pip_install` leaves uv."""


def image_of(deployment: Deployment, options: ModalOptions, secrets: list[modal.Secret]) -> modal.Image:
    """The image of a deployment; contacts nobody.

    System packages, then packages of an index, then wheels of this machine, then what `vivavoce prepare` fetches and
    compiles for the agent's engines; files that are edited are mounted on top when a container starts.
    """
    image = _system(deployment, options)
    image = image.env(CACHES)
    image = image.uv_pip_install(*deployment.software.requirements)
    image = _with_wheels(image, deployment.software)
    if isinstance(deployment.service, ModelService):
        return image
    image = _prepared(image, deployment.service, options, secrets)
    for file in deployment.service.files:
        image = image.add_local_file(file.path, f"{FILES}/{file.place}")
    for path in deployment.watched:
        image = image.add_local_file(path, f"{ROOT}/{path.name}")
    return image


def _system(deployment: Deployment, options: ModalOptions) -> modal.Image:
    import modal

    software = deployment.software
    if options.base_image is not None:
        image = modal.Image.from_registry(options.base_image, add_python=software.python).entrypoint([])
    else:
        image = modal.Image.debian_slim(python_version=software.python)
    return image.apt_install(*software.apt) if software.apt else image


def _with_wheels(image: modal.Image, software: Software) -> modal.Image:
    """With what is installed as it is, all it depends on being there."""
    places = [f"{WHEELS}/{wheel.name}" for wheel in software.wheels]
    for wheel, place in zip(software.wheels, places, strict=True):
        image = image.add_local_file(wheel, place, copy=True)
    if not places and not software.alone:
        return image
    install = f"{UV} pip install --python $(command -v python) --compile-bytecode --no-deps"
    return image.run_commands(f"{install} {shlex.join([*places, *software.alone])}")


def _prepared(
    image: modal.Image, service: AgentService, options: ModalOptions, secrets: list[modal.Secret]
) -> modal.Image:
    for file in service.preparation:
        image = image.add_local_file(file.path, f"{FILES}/{file.place}", copy=True)
    gpu = options.gpu[0] if isinstance(options.gpu, list) else options.gpu
    return image.run_commands(
        f"vivavoce prepare {FILES}/{service.prepared}",
        secrets=secrets,
        gpu=gpu if options.prepare_on_gpu else None,
    )
