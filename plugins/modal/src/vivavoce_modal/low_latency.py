"""The service on a port of its container, which is what Modal's server primitive connects clients to."""

from __future__ import annotations

import subprocess
import sys

import modal

PORT = 8000
DRAIN_S = 25


class LowLatencyServer:
    """Runs uvicorn beside Modal's client."""

    @modal.enter()
    def start(self) -> None:
        """Start the server; Modal waits until the port is open."""
        command = [sys.executable, "-m", "uvicorn", "--factory", "vivavoce_modal.container:web"]
        self.process = subprocess.Popen(
            [*command, "--host", "0.0.0.0", "--port", str(PORT), "--ws", "websockets-sansio", "--no-access-log"]
        )

    @modal.exit()
    def stop(self) -> None:
        """Ask the server to end, and wait for its conversations, within bounds."""
        self.process.terminate()
        try:
            self.process.wait(DRAIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
