"""The offer of this plugin: Modal as a deployment target."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from vivavoce_api import Kind, Offer, Progress, hookimpl
from vivavoce_modal.options import ModalOptions

if TYPE_CHECKING:
    from vivavoce_modal.target import ModalTarget


def load(options: ModalOptions, progress: Progress) -> ModalTarget:
    """The target. Contacts nobody."""
    from vivavoce_modal.target import ModalTarget

    return ModalTarget(options)


@hookimpl
def vivavoce_deployment_target() -> Iterable[Offer]:
    """One offer, `modal`."""
    yield Offer(
        kind=Kind.DEPLOYMENT_TARGET,
        name="modal",
        summary="Modal: containers with GPUs by the second, behind one URL",
        options=ModalOptions,
        load=load,
        licence="Apache-2.0 (this plugin and Modal's client; the service needs an account and costs money)",
    )
