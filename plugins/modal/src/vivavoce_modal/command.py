"""What Modal's command line gets for a YAML file: a module with the app in it."""

from __future__ import annotations

import multiprocessing
import sys
from pathlib import Path
from types import ModuleType

import click

from vivavoce.deployment import load_deployment  # noqa: TID251  a deployment target may import this package alone
from vivavoce_api import Catalog, VivavoceError
from vivavoce_modal.target import ModalTarget


class ErrorInWords(click.ClickException):
    """A `VivavoceError` as Modal's command line shows errors: without a traceback, exit code 1."""


def load_module(reference: str) -> ModuleType:
    """A module with `app`, as Modal's command line expects, and `warm`, which `modal run` and `modal shell` take.

    Raises `ErrorInWords` for all that is wrong with the deployment, and before anything is built: not logged in, a
    secret that is missing. In the process that `modal serve` starts when a file was edited, where nobody would show
    that, it is printed, and the process ends; what ran before goes on.
    """
    try:
        return _load_module(reference)
    except VivavoceError as error:
        if multiprocessing.parent_process() is None:
            raise ErrorInWords(str(error)) from None
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(1)


def _load_module(reference: str) -> ModuleType:
    loaded = load_deployment(Path(reference), Catalog.installed())
    if not isinstance(loaded.target, ModalTarget):
        raise VivavoceError(f"{reference} deploys to {loaded.target_name}", fix=f"vivavoce deploy {reference}")
    for note in [*loaded.deployment.notes, *loaded.target.check(loaded.deployment)]:
        print(f"note: {note}", file=sys.stderr)
    built = loaded.target.build(loaded.deployment)
    module = ModuleType("vivavoce_deployment", doc=f"The deployment in {reference}.")
    module.app = built.app  # type: ignore[attr-defined]
    module.warm = built.warm  # type: ignore[attr-defined]
    return module
