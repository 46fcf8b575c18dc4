"""What a worker process adds to each chunk of sound: `python -m benchmarks.isolation`.

A chunk is 80 ms of PCM16 at 24 kHz (3,840 bytes). It says when the engine yielded it; the reader notes when it has it.
The same engine is measured in this process and in a worker process.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from vivavoce.isolation import load_isolated  # noqa: TID251 - no plugin, but a measurement of the runtime
from vivavoce_api import Entry, Offer, SessionContext, no_progress

HERE = Path(__file__).parent
DISTRIBUTION = "vivavoce-stamped"


def install(folder: Path) -> Offer:
    """Put the voice where this process and its workers find it as an installed plugin; returns its offer."""
    information = folder / "vivavoce_stamped-0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {DISTRIBUTION}\nVersion: 0\n")
    (information / "entry_points.txt").write_text("[vivavoce]\nstamped = stamped_voice\n")
    (folder / "stamped_voice.py").write_text((HERE / "stamped_voice.py").read_text())
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    import stamped_voice  # type: ignore[import-not-found]

    return stamped_voice.vivavoce_text_to_speech()[0]


async def no_text() -> Any:
    """The text of a reply without words."""
    return
    yield


async def latencies_ms(engine: Any, streams: int) -> list[float]:
    """From the engine's yield to the reader, for every chunk of so many replies at once."""

    async def listen(number: int) -> list[float]:
        session = await engine.open_session(SessionContext(f"bench-{number}"))
        found = [time.monotonic() * 1000 - chunk.spans[0].start_ms async for chunk in session.synthesize(no_text())]
        await session.close()
        return found

    heard = await asyncio.gather(*(listen(number) for number in range(streams)))
    return [latency for latencies in heard for latency in latencies]


async def measure(offer: Offer, arguments: argparse.Namespace) -> Table:
    """Both ways, for each number of streams."""
    options = offer.options(pace_ms=arguments.pace_ms, chunks=arguments.chunks)
    isolated = await load_isolated(Entry(offer, DISTRIBUTION, "0"), options, "process", no_progress)
    table = Table("streams", "where", "median ms", "p95 ms", "p99 ms", title="engine to reader, a chunk of 80 ms")
    try:
        for streams in arguments.streams:
            for where, engine in (("this process", offer.load(options, no_progress)), ("a worker", isolated)):
                found = sorted(await latencies_ms(engine, streams))
                cuts = statistics.quantiles(found, n=100)
                row = (statistics.median(found), cuts[94], cuts[98])
                table.add_row(str(streams), where, *(f"{value:.3f}" for value in row))
    finally:
        await isolated.close()
    return table


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.isolation", description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--chunks", type=int, default=100, help="chunks of each stream")
    parser.add_argument("--pace-ms", type=float, default=80, help="from one chunk of a stream to the next")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        Console().print(asyncio.run(measure(install(Path(folder)), arguments)))


if __name__ == "__main__":
    main()
