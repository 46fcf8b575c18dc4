"""The HTTP and WebSocket server, and the browser page."""

from vivavoce.server.app import Agent, create_app
from vivavoce.server.metrics import Metrics
from vivavoce.server.serving import serve

__all__ = ["Agent", "Metrics", "create_app", "serve"]
