"""How late changing the sample rate makes live sound: `python -m benchmarks.resampling`.

Packets of 20 ms go through Pipecat's stream resampler and through that of vivavoce-pipecat. Late is what has come in
and not gone out yet, after each packet; these figures don't depend on the machine, only the CPU time does.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable

from pipecat.audio.utils import create_stream_resampler  # noqa: TID251 - measured against it
from rich.console import Console
from rich.table import Table
from vivavoce_pipecat.resampling import LiveResampler

from vivavoce_api import AudioChunk

RATES = [(48_000, 16_000), (44_100, 16_000), (24_000, 16_000), (8_000, 16_000), (24_000, 8_000), (24_000, 48_000)]
PACKETS, SETTLING, PACKET_MS = 500, 50, 20

Resample = Callable[[AudioChunk], Awaitable[bytes]]


def pipecats(to_hz: int) -> Resample:
    """Pipecat's, told never to forget what it holds."""
    resampler = create_stream_resampler(clear_after_secs=None)
    return lambda packet: resampler.resample(packet.pcm, packet.sample_rate_hz, to_hz)


def ours(to_hz: int) -> Resample:
    """That of vivavoce-pipecat."""
    resampler = LiveResampler(to_hz)

    async def resample(packet: AudioChunk) -> bytes:
        return resampler.feed(packet).pcm

    return resample


async def lateness(resample: Resample, from_hz: int, to_hz: int) -> tuple[list[float], float]:
    """Milliseconds of sound held back after each packet, and the median of its CPU time in microseconds."""
    packet = AudioChunk.silence(PACKET_MS, from_hz)
    late_ms, cpu_us, given_ms = [], [], 0.0
    for count in range(1, PACKETS + 1):
        began = time.thread_time()
        pcm = await resample(packet)
        cpu_us.append((time.thread_time() - began) * 1e6)
        given_ms += AudioChunk(pcm, to_hz).duration_ms
        late_ms.append(count * packet.duration_ms - given_ms)
    return late_ms[SETTLING:], statistics.median(cpu_us)


async def main() -> None:
    """Print the table."""
    table = Table("from → to", "Pipecat: mean / max late", "vivavoce: mean / max", "ratio of means", "CPU a packet")
    for column in table.columns[1:]:
        column.justify = "right"
    for from_hz, to_hz in RATES:
        theirs_ms, their_us = await lateness(pipecats(to_hz), from_hz, to_hz)
        ours_ms, our_us = await lateness(ours(to_hz), from_hz, to_hz)
        means = statistics.fmean(theirs_ms), statistics.fmean(ours_ms)
        table.add_row(
            f"{from_hz:,} → {to_hz:,} Hz",
            f"{means[0]:.1f} / {max(theirs_ms):.1f} ms",
            f"{means[1]:.1f} / {max(ours_ms):.1f} ms",
            f"{means[1] / means[0]:.2f}",
            f"{their_us:.0f} / {our_us:.0f} us",
        )
    Console(width=110).print(table)


if __name__ == "__main__":
    asyncio.run(main())
