"""Modal as the runtime sees it: describe a deployment, check it, deploy it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vivavoce_api import VivavoceError
from vivavoce_api.deployment import Deployed, Deployment
from vivavoce_modal.description import description, url_of
from vivavoce_modal.options import ModalOptions

if TYPE_CHECKING:
    from vivavoce_modal.app import BuiltApp


class ModalTarget:
    """Implements `vivavoce_api.DeploymentTarget`."""

    def __init__(self, options: ModalOptions) -> None:
        self.options = options

    def describe(self, deployment: Deployment) -> str:
        """What deploying would do. Contacts nothing."""
        return description(deployment, self.options, os.environ.get("MODAL_USERNAME"))

    def build(self, deployment: Deployment) -> BuiltApp:
        """The app as Modal's client knows it. Contacts nothing."""
        from vivavoce_modal.app import build_app

        return build_app(deployment, self.options)

    def check(self, deployment: Deployment) -> list[str]:
        """Ask Modal for what must be there: an account, the secrets. Returns notes. Raises `PrerequisiteError`."""
        from vivavoce_modal.preflight import check

        return check(deployment, self.options)

    def deploy(self, deployment: Deployment) -> Deployed:
        """Deploy; blocks, and prints Modal's own progress. Raises `VivavoceError`."""
        import modal

        self.check(deployment)
        built = self.build(deployment)
        try:
            with modal.enable_output():
                built.app.deploy()
        except modal.exception.Error as error:
            raise VivavoceError(f"Modal did not take it: {error}") from error
        return Deployed(url_of(self.options, os.environ.get("MODAL_USERNAME")), built.app.get_dashboard_url())
