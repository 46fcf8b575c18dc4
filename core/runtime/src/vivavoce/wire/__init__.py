"""The WebSocket's messages, and a client that speaks them."""
