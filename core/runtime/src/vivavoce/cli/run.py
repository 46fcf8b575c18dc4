"""`vivavoce run`."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import AgentFile, engine_label, engine_labels, error_console, output_console, read_agent
from vivavoce.cli.progress import LoadingDisplay

if TYPE_CHECKING:
    from vivavoce.definition import AgentDefinition

LOOPBACK = ("127.0.0.1", "localhost", "::1")

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a program that Ctrl-C ended, as shells have it."""


def run(
    agent: AgentFile,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)] = 8000,
) -> None:
    """Load an agent's engines and serve it until Ctrl-C.

    [bold]Examples[/bold]

      vivavoce run agents/quickstart.yaml

      vivavoce run agents/quickstart.yaml --host 0.0.0.0 --port 8123
    """
    quieten_libraries()
    definition = read_agent(agent)
    try:
        asyncio.run(_serve(definition, host, port))
    except (asyncio.CancelledError, KeyboardInterrupt):
        error_console().print("stopped before it was ready")
        raise typer.Exit(INTERRUPTED) from None


def quieten_libraries() -> None:
    """Keep loguru, which Pipecat logs with, from writing every detail over the display; the user's setting wins."""
    os.environ.setdefault("LOGURU_LEVEL", "WARNING")


async def _serve(definition: AgentDefinition, host: str, port: int) -> None:
    from vivavoce.agent import Agent
    from vivavoce.builtin import WebSocketOptions
    from vivavoce.server.app import create_app
    from vivavoce.server.serving import listen, serve

    (await listen(host, port)).close()  # a taken port is told before the engines load, not after
    options = definition.transport.options
    origins = options.allowed_origins if isinstance(options, WebSocketOptions) else []
    agent = Agent(definition)
    signals = _StopSignals()
    try:
        with LoadingDisplay(error_console(), engine_labels(definition)) as display:
            await agent.load(display)
        signals.leave_to_the_server()
        app = create_app(agent, allowed_origins=origins)
        await serve(app, host, port, started=lambda address: _show_ready(definition, address, host))
    finally:
        await agent.close()
    output_console().print("stopped")


class _StopSignals:
    """Ctrl-C and SIGTERM while engines load: the first cancels loading, the second ends the process at once.

    Later the server, uvicorn, catches both by itself. As it raises them once more when it has ended, they must
    then do nothing, or they would cut short the closing of the engines.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._received = 0
        self._served = False
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)

    def leave_to_the_server(self) -> None:
        self._served = True

    def _stop(self) -> None:
        if self._served:
            return
        self._received += 1
        if self._received > 1:
            os._exit(INTERRUPTED)
        error_console().print("\nstopping as soon as the engines let go; Ctrl-C again stops at once")
        if self._task is not None:
            self._task.cancel()


def _show_ready(definition: AgentDefinition, address: str, host: str) -> None:
    engines = [definition.stt, definition.llm, definition.tts]
    socket = address.replace("http", "ws", 1).rstrip("/") + "/ws"
    rows = [
        ("Talk to it", address.rstrip("/")),
        ("WebSocket", socket),
        ("Engines", " → ".join(map(engine_label, engines))),
        ("Stop", "Ctrl-C"),
    ]
    if host not in LOOPBACK:
        rows.append(("Note", "from other machines, browsers only give the microphone to pages that come by HTTPS"))
    console = output_console()
    console.print(Text.assemble("\n", (definition.name, "bold green"), " is ready."))
    for label, value in rows:
        console.print(Text.assemble((f"  {label:<12}", "dim"), value))
    console.print()
