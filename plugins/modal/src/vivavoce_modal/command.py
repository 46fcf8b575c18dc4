"""What Modal's command line gets for a YAML file: a module with the app in it."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import click

from vivavoce.deployment import load_deployment  # noqa: TID251  a deployment target may import this package alone
from vivavoce_api import Catalog, VivavoceError
from vivavoce_modal.target import ModalTarget


class ErrorInWords(click.ClickException):
    """A `VivavoceError` as Modal's command line shows errors: without a traceback, exit code 1."""

    def __init__(self, error: VivavoceError) -> None:
        super().__init__(str(error))


def load_module(reference: str) -> ModuleType:
    """A module with `app`, as Modal's command line expects, and `web`, the function that `modal shell` opens.

    Raises `ErrorInWords` for all that is wrong with the deployment, and before anything is built: not logged in, a
    secret that is missing.
    """
    try:
        loaded = load_deployment(Path(reference), Catalog.installed())
        if not isinstance(loaded.target, ModalTarget):
            raise ErrorInWords(
                VivavoceError(f"{reference} deploys to another target", fix=f"vivavoce deploy {reference}")
            )
        for note in [*loaded.deployment.notes, *loaded.target.check(loaded.deployment)]:
            print(f"note: {note}", file=sys.stderr)
        built = loaded.target.build(loaded.deployment)
    except VivavoceError as error:
        raise ErrorInWords(error) from None
    module = ModuleType("vivavoce_deployment", doc=f"The deployment in {reference}.")
    module.app = built.app  # type: ignore[attr-defined]
    module.web = built.web  # type: ignore[attr-defined]
    return module
