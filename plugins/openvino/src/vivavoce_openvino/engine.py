"""The loaded model, shared by all sessions, which take turns at it step by step."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from openvino import CompiledModel

from vivavoce_api import EngineError, EngineUnavailableError, PrerequisiteError, SessionContext
from vivavoce_openvino.chat import Chat
from vivavoce_openvino.context import Context, compiled
from vivavoce_openvino.conversion import MODEL
from vivavoce_openvino.ending import head_of
from vivavoce_openvino.options import OpenVinoOptions
from vivavoce_openvino.session import OpenVinoSession

P = ParamSpec("P")
T = TypeVar("T")


class OpenVinoEngine:
    """The embedded language model. Implements `LanguageModelEngine`."""

    max_sessions = None

    def __init__(self, options: OpenVinoOptions, folder: Path) -> None:
        """Load the converted model in `folder`, and read a word with it; blocks for some seconds.

        Raises `PrerequisiteError` where the folder's files are damaged.
        """
        self._options = options
        self.opening: Sequence[int] = ()
        self.head = head_of(options.model)
        # OpenVINO gives the thread that loads a model a small stack for signals, and forgets to take it back: in the
        # main thread, the next signal would end the process.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="openvino")
        try:
            threads, layer = options.threads or default_threads(), self.head.layer if self.head else None
            self.chat, self._model = self._thread.submit(_loaded, folder, threads, layer).result()
        except RuntimeError as error:
            self._thread.shutdown()
            raise PrerequisiteError(
                f"the converted model in {folder} can't be loaded: {' '.join(str(error).split())[-300:]}",
                fix=f"rm -r '{folder}', and it is converted anew",
            ) from error
        self._closed = False

    async def open_session(self, context: SessionContext) -> OpenVinoSession:
        """A session, with a memory of its own for what the model has read: some 30 kB a token (0.5B)."""
        self._check()
        return OpenVinoSession(self, self._options, await self.run(Context, self._model))

    async def run(self, step: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """One step in the model's thread, after those of other sessions that were asked for before.

        Cancelling gives up waiting at once; a step that runs then is finished, unheard. Raises `EngineError`.
        """
        self._check()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: step(*args, **kwargs))
        except RuntimeError as error:
            raise EngineError(f"OpenVINO failed: {' '.join(str(error).split())[-300:]}") from error

    async def close(self) -> None:
        """End the thread, after the step that runs. Idempotent."""
        self._closed = True
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)

    def _check(self) -> None:
        if self._closed:
            raise EngineUnavailableError("the embedded language model was closed", retryable=False)


def _loaded(folder: Path, threads: int, state_of_layer: int | None) -> tuple[Chat, CompiledModel]:
    chat, model = Chat(folder), compiled(folder / MODEL, threads, state_of_layer)
    Context(model).read(chat.tokens("Hello"))
    return chat, model


def default_threads() -> int:
    """All cores up to 4, half of them beyond: there, the rest are mostly second threads of the same cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores if cores <= 4 else max(4, cores // 2)
