"""One client from its handshake to its end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.websockets import WebSocket

from vivavoce.server.connection import WebSocketConnection
from vivavoce.server.metrics import Metrics
from vivavoce.wire.protocol import ServerProtocol, read_parameters
from vivavoce_api.errors import ClientError, EngineBusyError, PrerequisiteError, VivavoceError
from vivavoce_api.transport import AgentHost, ErrorNotice

NORMAL, POLICY_VIOLATION, INTERNAL_ERROR, TRY_AGAIN_LATER = 1000, 1008, 1011, 1013
"""WebSocket close codes (RFC 6455, section 7.4.1, and the IANA registry)."""

NOT_READY = "The agent is still loading. Try again in a moment."
UNEXPECTED = "Something went wrong on the server; the conversation has ended. Please start again."

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Ending:
    """How a conversation ended: a word for the metrics, a close code, and words for the client if it needs any."""

    outcome: str
    code: int
    message: str | None = None
    retryable: bool = False


COMPLETED = Ending("completed", NORMAL)
CLIENT_LEFT = Ending("client_left", NORMAL)
CLIENT_STALLED = Ending("client_stalled", POLICY_VIOLATION)


async def hold_session(websocket: WebSocket, host: AgentHost, metrics: Metrics, *, ready: bool) -> None:
    """Accept the client, hold the conversation, close. When it returns, nothing of the session is left.

    Cancelling ends the conversation and closes the socket.
    """
    await websocket.accept()
    metrics.session_opened()
    ending = Ending("cancelled", INTERNAL_ERROR)
    try:
        ending = await _converse(websocket, host, metrics) if ready else await _refuse(websocket, metrics)
    finally:
        metrics.session_closed(ending.outcome)


async def _refuse(websocket: WebSocket, metrics: Metrics) -> Ending:
    ending = Ending("not_ready", TRY_AGAIN_LATER, NOT_READY, retryable=True)
    await _end(WebSocketConnection(websocket, ServerProtocol(), metrics), ending)
    return ending


async def _converse(websocket: WebSocket, host: AgentHost, metrics: Metrics) -> Ending:
    try:
        parameters, events = read_parameters(websocket.query_params)
    except ClientError as error:
        parameters, events, refusal = {}, False, Ending("refused", POLICY_VIOLATION, error.message)
    else:
        refusal = None
    connection = WebSocketConnection(websocket, ServerProtocol(events=events), metrics)
    ending = refusal or await _until_one_leaves(connection, host, parameters)
    await _end(connection, ending)
    return ending


async def _until_one_leaves(connection: WebSocketConnection, host: AgentHost, parameters: Mapping[str, str]) -> Ending:
    """Run reader and conversation side by side; whichever ends first ends the other."""
    async with asyncio.TaskGroup() as group:
        conversation = group.create_task(_guarded(host, connection, parameters))
        client_gone = group.create_task(connection.gone.wait())
        reader = group.create_task(connection.read())
        await asyncio.wait({conversation, client_gone}, return_when=asyncio.FIRST_COMPLETED)
        for task in (conversation, client_gone, reader):
            task.cancel()
    if connection.stalled:
        return CLIENT_STALLED
    if conversation.cancelled():
        return CLIENT_LEFT
    return conversation.result()


async def _guarded(host: AgentHost, connection: WebSocketConnection, parameters: Mapping[str, str]) -> Ending:
    """Hold the conversation; whatever it raises becomes an ending, so that no other session is touched."""
    try:
        await host.converse(connection, parameters)
    except Exception as raised:  # noqa: BLE001  the boundary of one session: it reports, the server goes on
        return _ending_for(_innermost(raised), client_is_gone=connection.gone.is_set())
    return COMPLETED


def _innermost(error: BaseException) -> BaseException:
    """What a task group wrapped, when it wrapped a single thing."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _ending_for(error: BaseException, *, client_is_gone: bool) -> Ending:
    match error:
        case ClientError() if client_is_gone:
            return CLIENT_LEFT
        case EngineBusyError():
            return Ending("busy", TRY_AGAIN_LATER, error.message, retryable=True)
        case ClientError():
            return Ending("refused", POLICY_VIOLATION, error.message)
        case VivavoceError() if not isinstance(error, PrerequisiteError):
            logger.warning("a conversation ended: %s", error)
            return Ending("failed", INTERNAL_ERROR, error.message, retryable=error.retryable)
        case _:
            logger.error("a conversation ended unexpectedly", exc_info=error)
            return Ending("failed", INTERNAL_ERROR, UNEXPECTED)


async def _end(connection: WebSocketConnection, ending: Ending) -> None:
    if ending.message is not None:
        try:
            await connection.send(ErrorNotice(ending.message, ending.retryable))
        except ClientError:
            pass  # nobody is left to be told
    await connection.close(ending.code, ending.outcome)
