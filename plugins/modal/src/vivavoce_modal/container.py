"""What runs in Modal's containers: imported there by name, decorated nowhere but in `vivavoce_modal.app`."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vivavoce.deployment.container import Service  # noqa: TID251

MODEL_SERVER_VARIABLE = "VIVAVOCE_MODAL_MODEL_SERVER"
"""JSON: the app and function of the model server, and the variable that gets its URL."""

SESSIONS_VARIABLE = "VIVAVOCE_MODAL_SESSIONS"
"""Conversations that Modal was told each container takes."""

WAIT_VARIABLE = "VIVAVOCE_MODAL_WAIT"
"""Set where a container must not take calls before its engines are loaded."""

IN_MODAL = "MODAL_TASK_ID"
"""Set by Modal in its containers."""

logger = logging.getLogger(__name__)


def web() -> Service:
    """The ASGI application; Modal calls this once in each container and then runs its lifespan."""
    from vivavoce.deployment.container import (  # noqa: TID251  a deployment target may import this package
        application,
        log_to_standard_error,
    )

    log_to_standard_error()
    find_model_server()
    return application(wait_until_ready=WAIT_VARIABLE in os.environ, loaded=take_no_more_than_fit, failed=take_no_calls)


def warm() -> str:
    """Load the agent once, for `modal run`: fills the caches on the volumes, and proves that the container can."""
    started_s = time.monotonic()
    service = web()

    async def load_and_close() -> None:
        await service.start(wait=True)
        await service.stop()

    asyncio.run(load_and_close())
    told = f"loaded in {time.monotonic() - started_s:.1f} s"
    print(told)
    return told


def serve(port: int) -> None:
    """Serve `web` on a port until a signal comes, and let conversations end; for Modal's server primitive."""
    from vivavoce.deployment.serving import serve_to_the_end  # noqa: TID251  as above

    serve_to_the_end(web(), "0.0.0.0", port)


def find_model_server() -> None:
    """Set the variable with the model server's URL, unless it has a value, from the app that was deployed beside.

    Where there is no such app, the agent starts all the same; its turns then say that the server is away.
    """
    wanted = json.loads(os.environ.get(MODEL_SERVER_VARIABLE, "null"))
    if wanted is None or os.environ.get(wanted["variable"]):
        return
    import modal

    try:
        url = modal.Function.from_name(wanted["app"], wanted["function"]).get_web_url()
    except modal.exception.NotFoundError:
        logger.warning(
            "there is no app %s with a model server; deploy it, or set %s", wanted["app"], wanted["variable"]
        )
        return
    if url:
        os.environ[wanted["variable"]] = url


def take_no_more_than_fit(agent: Any) -> None:
    """Tell Modal how many conversations this container holds, where its engines serve fewer than were promised."""
    promised = os.environ.get(SESSIONS_VARIABLE)
    if IN_MODAL not in os.environ or promised is None or agent.max_sessions >= int(promised):
        return
    import modal.experimental

    modal.experimental.set_local_input_concurrency(agent.max_sessions)


def take_no_calls() -> None:
    """Give a container up whose engines could not be loaded: Modal ends it, and starts another for the next call."""
    if IN_MODAL not in os.environ:
        return
    import modal.experimental

    modal.experimental.stop_fetching_inputs()  # pyright: ignore[reportUnusedCoroutine]  it blocks
