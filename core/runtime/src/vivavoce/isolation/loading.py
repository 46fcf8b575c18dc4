"""From an offer to its engine in worker processes."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, replace
from enum import Enum
from functools import partial
from pathlib import Path, PurePath
from typing import Any

from pydantic import SecretBytes, SecretStr

from vivavoce.isolation.engine import IsolatedEngine
from vivavoce.isolation.environment import ensure_environment
from vivavoce.isolation.patience import Patience
from vivavoce.isolation.pool import Place, Pool
from vivavoce.isolation.process import Launch
from vivavoce.isolation.recipe import recipe_of
from vivavoce.isolation.sessions import IsolatedTool
from vivavoce.isolation.worker import Worker
from vivavoce_api import ConfigurationError, Entry, IsolationLevel, Kind, Options, Progress, ToolSpec, VivavoceError
from vivavoce_api.worker.starting import LOAD, PREPARE, Order


async def load_isolated(
    entry: Entry, options: Options, level: IsolationLevel, progress: Progress, patience: Patience | None = None
) -> Any:
    """The engine (or tool) of an offer, prepared and loaded in worker processes; builds their environment when needed.

    The first worker prepares and loads, the others then load side by side. Raises `VivavoceError`; cancelling ends
    what was started.
    """
    isolation = entry.offer.isolation
    patience = patience or Patience(start_s=isolation.start_s)
    order = order_for(entry, options, PREPARE, LOAD)
    launch = await _launch(entry, level, progress)

    async def start(order: Order) -> Worker:
        return await Worker.start(launch, order.title, asdict(order), patience, progress)

    again = partial(start, replace(order, actions=(LOAD,)))
    workers = await asyncio.to_thread(isolation.workers, options)
    places = [Place(order.title, again, patience) for _ in range(max(1, workers))]
    pool = Pool(order.title, places, isolation.streams_per_worker, isolation.wait_s)
    try:
        await places[0].start(partial(start, order))
        if len(places) > 1:
            progress(f"starting {len(places) - 1} more worker processes")
        await _start_all(places[1:])
    except BaseException:
        await pool.close()
        raise
    return _facade(entry.offer.kind, pool)


async def prepare_isolated(
    entry: Entry, options: Options, level: IsolationLevel, progress: Progress, *, rebuild: bool = False
) -> None:
    """Build the environment when needed (or anew: `rebuild`) and run the offer's `prepare` in a worker."""
    launch = await _launch(entry, level, progress, rebuild=rebuild)
    order = order_for(entry, options, PREPARE)
    patience = Patience(start_s=entry.offer.isolation.start_s)
    worker = await Worker.start(launch, order.title, asdict(order), patience, progress)
    await worker.end()


def order_for(entry: Entry, options: Options, *actions: str) -> Order:
    """What a worker is told to do. Raises `ConfigurationError` for options that can't travel."""
    offer = entry.offer
    return Order(entry.distribution, offer.kind.value, offer.name, actions, _plain_options(options))


async def _launch(entry: Entry, level: IsolationLevel, progress: Progress, *, rebuild: bool = False) -> Launch:
    variables = entry.offer.isolation.variables
    if level != "environment":
        return Launch(Path(sys.executable), variables)
    python = await ensure_environment(await asyncio.to_thread(recipe_of, entry), progress, rebuild=rebuild)
    return Launch(python, variables, own_environment=True)


async def _start_all(places: list[Place]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(place.start())
    except ExceptionGroup as failures:  # not `except*`: before 3.11.4 it wraps what is raised in it
        for error in failures.exceptions:
            if isinstance(error, VivavoceError):
                raise error from None
        raise


def _facade(kind: Kind, pool: Pool) -> Any:
    worker = pool.places[0].worker
    said: Mapping[str, Any] = {} if worker is None else worker.description
    if kind is Kind.TOOL:
        return IsolatedTool(pool, ToolSpec(*said["tool"]))
    return IsolatedEngine(kind, pool, said.get("max_sessions"))


def _plain_options(options: Options) -> dict[str, Any]:
    """The options that were set, as JSON's values; the worker's model checks them anew and adds its defaults."""
    values = options.model_dump(exclude_unset=True, by_alias=True, round_trip=True)
    try:
        return json.loads(json.dumps(values, default=_plain))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"these options can't be sent to a worker process: {error}") from None


def _plain(value: object) -> object:
    if isinstance(value, (SecretStr, SecretBytes)):
        secret = value.get_secret_value()
        return secret.decode() if isinstance(secret, bytes) else secret
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (set, frozenset)):
        return list(value)
    raise TypeError(f"a {type(value).__name__} is none of JSON's values")
