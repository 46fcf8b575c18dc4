"""One Pipecat service in a pipeline of its own, spoken to in calls: frames in, frames out, one call at a time.

Imports Pipecat at its top; imported by `load` functions, through `import_quietly`.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
from pipecat.frames.frames import ErrorFrame, Frame, InterruptionFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.ai_service import AIService
from pipecat.utils.errors import ErrorCategory
from pipecat.workers.runner import WorkerRunner

from vivavoce_api import EngineError, EngineUnavailableError, VivavoceError
from vivavoce_pipecat.call import Call
from vivavoce_pipecat.recipe import Recipe

INTERRUPTION_LIMIT_S = 0.08
"""How long leaving a call waits until the service has stopped; what it still says is dropped in any case."""
LATE_INTERRUPTION_LIMIT_S = 2.0
"""How long the next call waits for that; then the pipeline is given up and a new one made."""
START_LIMIT_S = 15.0
CLOSE_LIMIT_S = 5.0
INPUT_SAMPLE_RATE_HZ = 16_000
OUTPUT_SAMPLE_RATE_HZ = 24_000

_UNAVAILABLE = (ErrorCategory.CONNECTIVITY, ErrorCategory.SERVER, ErrorCategory.RATE_LIMIT)


class Tap(FrameProcessor):
    """Shows the frames that pass in one direction to a function, which may hold them up."""

    def __init__(self, direction: FrameDirection, show: Callable[[Frame], Awaitable[None]]) -> None:
        super().__init__(enable_direct_mode=True)
        self._direction = direction
        self._show = show

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        """Show the frame, then pass it on."""
        await super().process_frame(frame, direction)
        if direction is self._direction:
            await self._show(frame)
        await self.push_frame(frame, direction)


class Running:
    """A started pipeline: `[tap, service, tap]` under a runner's task, until `close`."""

    def __init__(self, recipe: Recipe, show: Callable[[Frame], Awaitable[None]]) -> None:
        self._recipe = recipe
        self._show = show
        self._http_session: aiohttp.ClientSession | None = None
        self._worker: PipelineWorker | None = None
        self._task: asyncio.Task[None] | None = None
        self._service: AIService | None = None
        self.abandoned = False
        """Set when what the service still says can't be told from what it says next."""

    @property
    def service(self) -> AIService:
        """The service."""
        assert self._service is not None, "not started"
        return self._service

    @property
    def usable(self) -> bool:
        """Whether the service can still do its work."""
        running = self._task is not None and not self._task.done()
        return running and not self.abandoned and self.service.is_usable

    async def start(self) -> None:
        """Make the service, connect it, and wait until its pipeline runs. Raises `EngineError`."""
        if self._recipe.needs_http_session:
            self._http_session = aiohttp.ClientSession()
        self._service = await self._recipe.make(self._http_session)
        taps = [Tap(direction, self._show) for direction in (FrameDirection.UPSTREAM, FrameDirection.DOWNSTREAM)]
        self._worker = PipelineWorker(
            Pipeline([taps[0], self._service, taps[1]]),
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            enable_rtvi=False,
            enable_turn_tracking=False,
            check_dangling_tasks=False,
            params=PipelineParams(
                audio_in_sample_rate=INPUT_SAMPLE_RATE_HZ,
                audio_out_sample_rate=OUTPUT_SAMPLE_RATE_HZ,
                enable_metrics=False,
                enable_usage_metrics=True,
            ),
        )
        started = asyncio.Event()

        async def on_started(*_: object) -> None:
            started.set()

        self._worker.add_event_handler("on_pipeline_started", on_started)
        runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        await runner.add_workers(self._worker)
        self._task = asyncio.create_task(runner.run(), name=f"pipecat {self._recipe.name}")
        await self._wait_for(started)

    async def _wait_for(self, started: asyncio.Event) -> None:
        assert self._task is not None
        waiting = asyncio.create_task(started.wait())
        try:
            await asyncio.wait({waiting, self._task}, timeout=START_LIMIT_S, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not started.is_set():
            raise EngineUnavailableError(f"{self._recipe.name} did not start within {START_LIMIT_S:.0f} s")

    async def queue(self, *frames: Frame) -> None:
        """Send frames into the service, in order."""
        assert self._worker is not None
        for frame in frames:
            await self._worker.queue_frame(frame)

    async def close(self) -> None:
        """End the pipeline and everything of it. Idempotent."""
        if self._worker is not None and self._task is not None:
            await self._worker.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_LIMIT_S)
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_LIMIT_S)
        if self._service is not None:
            await close_client(self._service)
        if self._http_session is not None:
            await self._http_session.close()


async def close_client(service: AIService) -> None:
    """Close the HTTP client that services of OpenAI's, Groq's and Anthropic's sort make and leave open at their end."""
    close = getattr(getattr(service, "_client", None), "close", None)
    if inspect.iscoroutinefunction(close):
        await close()


def is_connection_failure(error: BaseException | None) -> bool:
    """Whether an operating-system error (refused, reset, no such host) is at the bottom of it."""
    while error is not None:
        if isinstance(error, OSError):
            return True
        error = error.__cause__ or error.__context__
    return False


class ServicePipeline:
    """One conversation's service: begun once, used in calls one after the other, made anew when it broke.

    `wanted`: the frames that calls get to see. `adapt(service)` is called with each new instance. A service
    that is not `interruptible` (it may answer late) is given up when a call ends early.
    """

    def __init__(
        self,
        recipe: Recipe,
        timeout_s: float,
        wanted: tuple[type[Frame], ...],
        adapt: Callable[[AIService], None] = lambda service: None,
        interruptible: bool = True,
    ) -> None:
        self._recipe = recipe
        self._timeout_s = timeout_s
        self._wanted = (*wanted, ErrorFrame)
        self._adapt = adapt
        self._interruptible = interruptible
        self._running: Running | None = None
        self._beginning: asyncio.Task[None] | None = None
        self._turn = asyncio.Lock()
        self._call: Call | None = None
        self._quiet = asyncio.Event()
        self._quiet.set()
        self._first_error: ErrorFrame | None = None
        self._closed = False

    def begin(self) -> None:
        """Make the service and connect it in the background, so that the first call finds it ready.

        What goes wrong is for the first call to find again, and to raise.
        """
        self._beginning = asyncio.create_task(self._begin(), name=f"pipecat {self._recipe.name} starts")

    async def _begin(self) -> None:
        async with self._turn:
            with contextlib.suppress(VivavoceError):
                await self._ready()

    async def _start(self) -> Running:
        self._first_error = None
        self._quiet.set()
        self._running = running = Running(self._recipe, self._show)
        try:
            await running.start()
            self._adapt(running.service)
            if self._first_error is not None:
                raise self._described(self._first_error)
        except BaseException:
            await self.give_up()
            raise
        return running

    async def give_up(self) -> None:
        """End the pipeline; the next call makes a new one."""
        running, self._running = self._running, None
        if running is not None:
            await running.close()

    async def close(self) -> None:
        """End the pipeline for good; a call that runs raises `EngineUnavailableError`. Idempotent."""
        self._closed = True
        if self._call is not None:
            self._call.fail(self._gone())
        if self._beginning is not None:
            self._beginning.cancel()
            await asyncio.wait({self._beginning})
        await self.give_up()

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Call]:
        """Use the service. Leaving before `finished` is set interrupts it, within `INTERRUPTION_LIMIT_S`."""
        async with self._turn:
            running = await self._ready()
            self._call = call = Call(running.service, running.queue, self._described, self._timeout_s)
            try:
                yield call
            finally:
                call.end()
                self._call = None
                if not call.finished and not self._closed:
                    await self._interrupt(running)

    async def _ready(self) -> Running:
        if self._closed:
            raise self._gone()
        running = self._running
        if running is not None and running.usable and await self._stopped(LATE_INTERRUPTION_LIMIT_S):
            return running
        await self.give_up()
        return await self._start()

    async def _interrupt(self, running: Running) -> None:
        """Stop what the service does, and wait for it a moment."""
        if not self._interruptible:
            running.abandoned = True
            return
        self._quiet.clear()
        await running.queue(InterruptionFrame())
        await self._stopped(INTERRUPTION_LIMIT_S)

    async def _stopped(self, limit_s: float) -> bool:
        """Whether the last interruption has gone through the service, within `limit_s`."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._quiet.wait()
        return self._quiet.is_set()

    async def _show(self, frame: Frame) -> None:
        if isinstance(frame, InterruptionFrame):
            self._quiet.set()
        elif isinstance(frame, self._wanted):
            if isinstance(frame, ErrorFrame) and self._first_error is None:
                self._first_error = frame
            if self._call is not None:
                await self._call.put(frame)

    def _described(self, frame: ErrorFrame) -> EngineError:
        words = f"{self._recipe.name}: {self._recipe.scrub(frame.error)}"
        unreachable = frame.category in _UNAVAILABLE or is_connection_failure(frame.exception)
        return EngineUnavailableError(words) if unreachable else EngineError(words)

    def _gone(self) -> EngineUnavailableError:
        return EngineUnavailableError(f"the session of {self._recipe.name} is closed", retryable=False)
