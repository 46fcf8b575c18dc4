"""`vivavoce run`."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from vivavoce.cli.output import AgentFile, engine_label, engine_labels, error_console, output_console, read_agent
from vivavoce.cli.progress import LoadingDisplay
from vivavoce.libraries import settle_libraries

if TYPE_CHECKING:
    from vivavoce.agent import Agent
    from vivavoce.builtin import WebSocketOptions
    from vivavoce.definition import AgentDefinition

Rows = list[tuple[str, str]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")

INTERRUPTED = 128 + signal.SIGINT
"""Exit code of a program that Ctrl-C ended, as shells have it."""


def run(
    agent: AgentFile,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 for any free one.", min=0, max=65535)] = 8000,
) -> None:
    """Load an agent's engines and serve it until Ctrl-C.

    Over its own WebSocket and page, or over the transport that the agent's file names.

    [bold]Examples[/bold]

      vivavoce run agents/quickstart.yaml

      vivavoce run agents/quickstart.yaml --host 0.0.0.0 --port 8123
    """
    settle_libraries()
    definition = read_agent(agent)
    try:
        from vivavoce.server import serving

        serving.run(_serve(definition, host, port))
    except (asyncio.CancelledError, KeyboardInterrupt):
        error_console().print("stopped before it was ready")
        raise typer.Exit(INTERRUPTED) from None


async def _serve(definition: AgentDefinition, host: str, port: int) -> None:
    from vivavoce.agent import Agent
    from vivavoce.builtin import WebSocketOptions

    agent, signals = Agent(definition), _StopSignals()
    options = definition.transport.options
    try:
        if isinstance(options, WebSocketOptions):
            await _serve_web(agent, options, signals, host, port)
        else:
            await _serve_transport(agent, signals)
    finally:
        await agent.close()
    output_console().print("stopped")


async def _serve_web(agent: Agent, options: WebSocketOptions, signals: _StopSignals, host: str, port: int) -> None:
    """Load, and serve the runtime's own WebSocket and page."""
    from vivavoce.server.app import create_app
    from vivavoce.server.serving import listen, serve

    (await listen(host, port)).close()  # a taken port is told before the engines load, not after
    with LoadingDisplay(error_console(), engine_labels(agent.definition)) as display:
        await agent.load(display)
    signals.leave_to_the_server()
    app = create_app(agent, allowed_origins=options.allowed_origins)
    await serve(app, host, port, started=lambda address: _show_web_ready(agent.definition, address, host))


async def _serve_transport(agent: Agent, signals: _StopSignals) -> None:
    """Load, and hand the agent to a plugin's transport until that ends or a signal comes."""
    from vivavoce.engines import load_choice

    choice = agent.definition.transport
    labels = {"transport": engine_label(choice), **engine_labels(agent.definition)}
    async with AsyncExitStack() as stack:
        with LoadingDisplay(error_console(), labels) as display:
            transport = await load_choice("transport", choice, display)  # first: its settings are quickly checked
            stack.push_async_callback(transport.close)
            await agent.load(display)
        _show_transport_ready(agent.definition)
        with signals.as_an_end():
            await transport.serve(agent)


class _StopSignals:
    """Ctrl-C and SIGTERM: the first cancels what runs, the second ends the process at once.

    The web server, uvicorn, catches both by itself. As it raises them once more when it has ended, they must
    then do nothing, or they would cut short the closing of the engines.
    """

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._received = 0
        self._left_to_the_server = False
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, self._stop)

    def leave_to_the_server(self) -> None:
        self._left_to_the_server = True

    @contextmanager
    def as_an_end(self) -> Iterator[None]:
        """A block that a signal may end, as is usual for a server: no error of the program."""
        try:
            yield
        except asyncio.CancelledError:
            if self._task is None or not self._received:
                raise
            self._task.uncancel()

    def _stop(self) -> None:
        if self._left_to_the_server:
            return
        self._received += 1
        if self._received > 1:
            os._exit(INTERRUPTED)
        error_console().print("\nstopping as soon as everything lets go; Ctrl-C again stops at once")
        if self._task is not None:
            self._task.cancel()


def _show_web_ready(definition: AgentDefinition, address: str, host: str) -> None:
    rows = [
        ("Talk to it", address.rstrip("/")),
        ("WebSocket", address.replace("http", "ws", 1).rstrip("/") + "/ws"),
    ]
    notes = []
    if host not in LOOPBACK:
        notes = [("Note", "from other machines, browsers only give the microphone to pages that come by HTTPS")]
    _show_ready(definition, rows, notes)


def _show_transport_ready(definition: AgentDefinition) -> None:
    choice = definition.transport
    rows = [("Transport", f"{engine_label(choice)}: {choice.offer.summary}")]
    notes = [("Note", "the page, --host and --port belong to the websocket transport; this one has its own settings")]
    _show_ready(definition, rows, notes)


def _show_ready(definition: AgentDefinition, ways_in: Rows, notes: Rows) -> None:
    sections = (definition.stt, definition.llm, definition.tts)
    engines = " → ".join(", else ".join(map(engine_label, choice.listed)) for choice in sections)
    console = output_console()
    console.print(Text.assemble("\n", (definition.name, "bold green"), " is ready."))
    for label, value in [*ways_in, ("Engines", engines), ("Stop", "Ctrl-C"), *notes]:
        console.print(Text.assemble((f"  {label:<12}", "dim"), value))
    console.print()
