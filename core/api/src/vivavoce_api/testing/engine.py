"""What all engines owe, whatever their kind."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from itertools import count
from typing import Any, ClassVar, TypeVar

import pytest
from pydantic import ValidationError

from vivavoce_api.catalog import Catalog, Entry
from vivavoce_api.errors import EngineBusyError
from vivavoce_api.offers import Kind, Offer, Options, no_progress
from vivavoce_api.session import SessionContext

_T = TypeVar("_T")
SESSIONS = 20
OPENING_LIMIT_S = 5.0
MAX_SESSIONS_TRIED = 64

HERE, IN_WORKER, IN_ENVIRONMENT = "here", "in a worker", "in its environment"
"""Where the engine under test runs; see `EngineConformance.ways`."""

WORKER_LOADERS = "vivavoce.isolation"
"""Entry-point group by which the runtime, if it is installed, loads engines in worker processes."""


@dataclass
class LoadedEngine:
    """An engine and the event loop that it lives on."""

    offer: Offer
    options: Options
    engine: Any
    runner: asyncio.Runner
    report_lines: list[str]
    test_limit_s: float
    way: str = HERE
    _ids: Iterator[int] = field(default_factory=count)

    def run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run `work` on the engine's loop; it fails after `test_limit_s`."""
        return self.runner.run(asyncio.wait_for(work, self.test_limit_s))

    async def session(self, **parameters: str) -> Any:
        """A new session of the engine."""
        return await self.engine.open_session(SessionContext(f"conformance-{next(self._ids)}", parameters))

    def report(self, what: str, duration_ms: float) -> None:
        """Add a measurement to pytest's summary."""
        where = "" if self.way == HERE else f" {self.way}"
        self.report_lines.append(f"{self.offer.kind.value} {self.offer.name}{where}: {what} {duration_ms:.0f} ms")


class EngineConformance:
    """Base of the kit's classes; use one of those.

    Set `plugin` to the offer's name in the installed catalog, or override `make_offer`; set `options` to what
    the YAML would say, or override `make_options`. `test_limit_s` bounds every test, `cancel_limit_ms` how long
    stopping may take.

    `ways` says where the engine runs: `HERE`, in the tests' process, as always; with `(HERE, IN_WORKER)` each test runs
    a second time with the engine in a worker process, as `isolation: process` has it, with `IN_ENVIRONMENT` as
    `isolation: environment` has it. That needs the runtime (`pip install vivavoce`) and an installed plugin, and takes
    real time.
    """

    kind: ClassVar[Kind]
    capabilities_type: ClassVar[type | None] = None
    plugin: ClassVar[str] = ""
    options: ClassVar[Mapping[str, Any]] = {}
    ways: ClassVar[tuple[str, ...]] = (HERE,)
    test_limit_s: ClassVar[float] = 120.0
    cancel_limit_ms: ClassVar[float] = 100.0

    def make_offer(self) -> Offer:
        """The offer under test."""
        return installed_entry(self.kind, self.plugin).offer

    def make_options(self, offer: Offer) -> Options:
        """The options it is loaded with."""
        return offer.options(**self.options)

    def make_loop(self) -> asyncio.AbstractEventLoop:
        """The event loop it lives on; `virtual_time_loop()` for engines that only sleep."""
        return asyncio.new_event_loop()

    def test_unknown_option_is_refused(self) -> None:
        with pytest.raises(ValidationError, match="no_such_option"):
            self.make_offer().options(**{**self.options, "no_such_option": 1})

    def test_every_option_is_described(self) -> None:
        schema = self.make_offer().options.model_json_schema()
        models = [schema, *schema.get("$defs", {}).values()]
        bare = [
            name
            for model in models
            for name, value in model.get("properties", {}).items()
            if not value.get("description")
        ]
        assert not bare, f"options without a description: {bare}"

    def test_offer_says_what_it_is(self) -> None:
        offer = self.make_offer()
        assert offer.kind is self.kind
        assert offer.summary.strip()
        assert offer.licence.strip()
        if self.capabilities_type is not None:
            assert isinstance(offer.capabilities, self.capabilities_type)

    def test_opening_sessions_loads_nothing(self, vivavoce_loaded: LoadedEngine) -> None:
        loaded = vivavoce_loaded

        async def open_many() -> None:
            number = min(SESSIONS, loaded.engine.max_sessions or SESSIONS)
            async with asyncio.timeout(OPENING_LIMIT_S):
                sessions = [await loaded.session() for _ in range(number)]
            assert len({id(session) for session in sessions}) == len(sessions)
            for session in sessions:
                await session.close()

        loaded.run(open_many())

    def test_closing_a_session_twice_is_harmless(self, vivavoce_loaded: LoadedEngine) -> None:
        async def close_twice() -> None:
            session = await vivavoce_loaded.session()
            await session.close()
            await session.close()

        vivavoce_loaded.run(close_twice())

    def test_more_sessions_than_it_serves_are_refused(self, vivavoce_loaded: LoadedEngine) -> None:
        limit = vivavoce_loaded.engine.max_sessions
        if limit is None or limit > MAX_SESSIONS_TRIED:
            pytest.skip("the engine has no limit that could be tried")

        async def one_too_many() -> None:
            sessions = [await vivavoce_loaded.session() for _ in range(limit)]
            with pytest.raises(EngineBusyError):
                await vivavoce_loaded.session()
            for session in sessions:
                await session.close()
            await (await vivavoce_loaded.session()).close()

        vivavoce_loaded.run(one_too_many())


def installed_entry(kind: Kind, name: str) -> Entry:
    """What is installed under this name."""
    catalog = Catalog.installed()
    entry = catalog.get(kind, name)
    assert entry is not None, f"no {kind.value} plugin '{name}' is installed; broken: {catalog.broken}"
    return entry


@contextmanager
def loaded_engine(conformance: EngineConformance, report_lines: list[str], way: str = HERE) -> Iterator[LoadedEngine]:
    """Prepare and load in a thread, as the runtime does; close twice at the end, for that must be harmless."""
    offer = conformance.make_offer()
    options = conformance.make_options(offer)
    with asyncio.Runner(loop_factory=conformance.make_loop) as runner:
        engine = runner.run(_load_here(offer, options) if way == HERE else _load_in_worker(offer, options, way))
        try:
            yield LoadedEngine(offer, options, engine, runner, report_lines, conformance.test_limit_s, way)
        finally:
            runner.run(engine.close())
            runner.run(engine.close())


async def _load_here(offer: Offer, options: Options) -> Any:
    await asyncio.to_thread(offer.prepare, options, no_progress)
    return await asyncio.to_thread(offer.load, options, no_progress)


async def _load_in_worker(offer: Offer, options: Options, way: str) -> Any:
    loaders = metadata.entry_points(group=WORKER_LOADERS, name="load")
    assert loaders, "only the runtime runs engines in workers: pip install vivavoce"
    (loader,) = loaders
    level = "process" if way == IN_WORKER else "environment"
    return await loader.load()(installed_entry(offer.kind, offer.name), options, level, no_progress)
