"""A worker process: spawned, listened to, ended with all that it started."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import uuid
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from vivavoce_api import EngineUnavailableError

logger = logging.getLogger(__name__)

MARK = "VIVAVOCE_WORKER"
"""Environment variable that a worker and everything that it starts inherit, by which the latter can be found."""

LAST_LINES = 12
MAX_LINE_CHARS = 500
NOT_FOR_OTHER_ENVIRONMENTS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
LEVELS = {"WARNING": logging.WARNING, "ERROR": logging.ERROR, "CRITICAL": logging.ERROR}


@dataclass(frozen=True, slots=True)
class Launch:
    """The Python of a worker, and what is set in its environment. `own_environment`: it is not the server's."""

    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    own_environment: bool = False

    def environ(self, mark: str) -> dict[str, str]:
        """All its environment variables: this process's, and its own."""
        inherited = dict(os.environ)
        if self.own_environment:
            inherited = {key: value for key, value in inherited.items() if key not in NOT_FOR_OTHER_ENVIRONMENTS}
        fixed = {"PYTHONUNBUFFERED": "1", "PYTHONSAFEPATH": "1", MARK: mark}
        return {**inherited, **fixed, **self.variables}


class WorkerProcess:
    """A running worker. What it prints is logged, and its last lines are kept."""

    def __init__(self, title: str, mark: str, process: asyncio.subprocess.Process, printed: int) -> None:
        self._title = title
        self._mark = mark
        self._process = process
        self._lines: deque[str] = deque(maxlen=LAST_LINES)
        self._reading = asyncio.create_task(self._read(printed))

    @classmethod
    async def spawn(cls, launch: Launch, title: str) -> tuple[WorkerProcess, socket.socket]:
        """Start one; returns it and the socket that connects to it. Raises `EngineUnavailableError`."""
        mark = uuid.uuid4().hex
        ours, theirs = socket.socketpair()
        printed, prints = os.pipe()  # a pipe of asyncio's would delay the news of the exit until all have closed it
        try:
            process = await asyncio.create_subprocess_exec(
                *(launch.python, "-m", "vivavoce_api.worker", "--fd", str(theirs.fileno()), "--engine", title),
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=prints,
                stderr=prints,
                env=launch.environ(mark),
                start_new_session=True,  # Ctrl-C is the server's, which ends its workers in order
            )
        except BaseException as error:
            ours.close()  # a worker that was just starting sees this, and ends
            os.close(printed)
            if isinstance(error, OSError):
                raise EngineUnavailableError(f"the worker process of {title} can't be started: {error}") from error
            raise
        finally:
            theirs.close()
            os.close(prints)
        return cls(title, mark, process, printed), ours

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def last_lines(self) -> str:
        """The last lines that it printed."""
        return "\n".join(self._lines)

    async def exited(self) -> None:
        """Wait until the process is no more."""
        await self._process.wait()

    async def end(self, grace_s: float) -> str:
        """Wait `grace_s` for its end, then kill it, and in any case what it left behind; returns how it ended."""
        killed = False
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            killed = True
        finally:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._process.wait()
        await asyncio.to_thread(_kill_all_with, self._mark)
        await asyncio.wait({self._reading}, timeout=1)  # it ends with the last process that holds the pipe
        self._reading.cancel()
        await asyncio.wait({self._reading})
        return "was killed" if killed else _how(self._process.returncode)

    async def _read(self, printed: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(printed, "rb"))
        rest = b""
        try:
            while data := await reader.read(8192):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._log(line)
                rest = rest[-MAX_LINE_CHARS:]
        finally:
            self._log(rest)
            transport.close()

    def _log(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip()[:MAX_LINE_CHARS]
        if text:
            self._lines.append(text)
            logger.log(LEVELS.get(text.split(" ", 1)[0], logging.DEBUG), "%s: %s", self._title, text)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
        perhaps = " (the system may have run out of memory)" if -code == signal.SIGKILL else ""
        return f"was killed by {name}{perhaps}"
    return f"ended with code {code}"


def _kill_all_with(mark: str) -> None:
    """Kill every process that carries the mark: what a worker had started, in whatever group it put that.

    Orphans go to process 1, which in a container may be this one, and then has to see them off.
    """
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get(MARK) == mark:
                process.kill()
                os.waitpid(process.pid, 0)  # an error at once where it is no child of this process
