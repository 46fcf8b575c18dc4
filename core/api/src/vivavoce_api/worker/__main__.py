"""`python -m vivavoce_api.worker --fd N`: a worker process, started by the runtime."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import select
import signal
import socket
import sys
import threading
import time

from vivavoce_api.worker.serving import WorkerServer

GRACE_S = 5.0
"""Time to stop and close everything once the host is gone."""


def main() -> None:
    """Serve the host at the other end of the inherited socket until it hangs up."""
    parser = argparse.ArgumentParser(prog="python -m vivavoce_api.worker", description="Started by vivavoce.")
    parser.add_argument("--fd", type=int, required=True, help="the connected socket that is inherited")
    parser.add_argument("--engine", help="what it runs, for people who list processes")
    host = socket.socket(fileno=parser.parse_args().fd)
    os.set_inheritable(host.fileno(), False)  # what an engine starts must not keep the connection open
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    threading.Thread(target=_end_with_the_host, args=(os.dup(host.fileno()),), daemon=True).start()
    asyncio.run(_serve(host))


async def _serve(host: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_connection(WorkerServer, sock=host)
    loop.add_signal_handler(signal.SIGTERM, transport.close)
    try:
        await server.serve()
    finally:
        transport.close()


def _end_with_the_host(connection: int) -> None:
    """Wait until the host is gone, however that happened; then give a grace, and end whatever still runs.

    A thread, so that an engine which blocks the event loop can't keep the process alive. The host started the
    process as the leader of a group, to which all belong that the engine has started.
    """
    poller = select.poll()
    poller.register(connection, 0)  # 0: only a hang-up wakes it
    poller.poll()
    time.sleep(GRACE_S)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
