"""The service on a port of its container, which is what Modal's server primitive connects clients to."""

from __future__ import annotations

import subprocess
import sys

import modal

PORT = 8000
DRAIN_S = 28
"""A little more than the conversations get (`vivavoce.deployment.container.DRAIN_S`)."""


class LowLatencyServer:
    """Runs the server in a process beside Modal's client."""

    @modal.enter()
    def start(self) -> None:
        """Start the server; Modal waits until the port is open."""
        code = f"from vivavoce_modal.container import serve; serve({PORT})"
        self.process = subprocess.Popen([sys.executable, "-c", code])

    @modal.exit()
    def stop(self) -> None:
        """Ask the server to end, and wait for its conversations, within bounds."""
        self.process.terminate()
        try:
            self.process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
