"""The service as a class, which is how Modal takes snapshots of a container whose engines are loaded."""

from __future__ import annotations

from typing import Any

import modal


def snapshotted(label: str) -> type:
    """The class `Snapshotted`, with its web method under `label`.

    Modal imports it by name in containers, where the label does not matter: it was told when the app was deployed.
    """

    async def load(self: Any) -> None:
        """Before the snapshot: load all engines."""
        from vivavoce_modal.container import web

        self.service = web()
        await self.service.start()

    def web(self: Any) -> Any:
        """The ASGI application, loaded."""
        return self.service

    members = {
        "__module__": __name__,
        "__qualname__": "Snapshotted",
        "load": modal.enter(snap=True)(load),
        "web": modal.asgi_app(label=label or None)(web),
    }
    return type("Snapshotted", (), members)


Snapshotted = snapshotted("")
