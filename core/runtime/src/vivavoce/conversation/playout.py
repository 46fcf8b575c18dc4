"""Playout: sound leaves in 20 ms packets, a little ahead of real time and never more."""

from __future__ import annotations

import asyncio
from array import array

from vivavoce_api import AudioChunk, Connection, ReplyAudio

PACKET_MS = 20
# Packets are sent in small bursts, so that a conversation wakes up this often and not fifty times a second.
BURST_MS = 60
# -46 dBFS: below it a listener in a quiet room hears nothing.
AUDIBLE_PEAK = 164


class Playout:
    """Paces one reply and knows how much of it has been played.

    At most `max_lead_ms` milliseconds are sent ahead of real time, so that an interruption works even for a client
    that knows nothing of it. Times are those of the running event loop, in seconds.
    """

    def __init__(self, connection: Connection, reply_id: int, max_lead_ms: float) -> None:
        self._connection = connection
        self._reply_id = reply_id
        self._max_lead_ms = max_lead_ms
        self._rest = b""
        self._rate_hz = 0
        self._playing_since: float | None = None
        self._report: tuple[float, float] | None = None
        self.sent_ms = 0.0
        self.first_sent_at: float | None = None
        self.first_audible_at: float | None = None

    async def send(self, chunk: AudioChunk) -> None:
        """Send a chunk, waiting while the client is far enough ahead. Cancelling leaves whole packets sent."""
        self._rate_hz = chunk.sample_rate_hz
        pcm = self._rest + chunk.pcm
        size = PACKET_MS * self._rate_hz // 1000 * 2
        whole = len(pcm) - len(pcm) % size
        self._rest = pcm[whole:]
        for start in range(0, whole, size):
            await self._send_packet(pcm[start : start + size])

    async def finish(self) -> None:
        """Send what is left and wait until all was played."""
        if self._rest:
            await self._send_packet(self._rest)
            self._rest = b""
        await asyncio.sleep(max(0.0, self._lead_ms()) / 1000)

    def report(self, played_ms: float) -> None:
        """The client says that it has played so much; clipped to what was sent."""
        self._report = (min(max(0.0, played_ms), self.sent_ms), asyncio.get_running_loop().time())

    def played_ms(self) -> float:
        """What has sounded by now: from the newest report, else from the pacing."""
        if self._report is not None:
            reported_ms, at = self._report
            return min(self.sent_ms, reported_ms + (asyncio.get_running_loop().time() - at) * 1000)
        return max(0.0, min(self.sent_ms, self.sent_ms - self._lead_ms()))

    async def _send_packet(self, pcm: bytes) -> None:
        await self._hold_back()
        await self._connection.send(ReplyAudio(self._reply_id, AudioChunk(pcm, self._rate_hz)))
        now = asyncio.get_running_loop().time()
        if self.first_sent_at is None:
            self.first_sent_at = now
        if self._playing_since is None or self._lead_ms() < 0:  # the first packet, or the client ran dry
            self._playing_since = now - self.sent_ms / 1000
        if self.first_audible_at is None and _is_audible(pcm):
            self.first_audible_at = now
        self.sent_ms += len(pcm) / 2 * 1000 / self._rate_hz

    async def _hold_back(self) -> None:
        lead_ms = self._lead_ms()
        if lead_ms + PACKET_MS > self._max_lead_ms:
            burst_ms = min(BURST_MS, self._max_lead_ms / 2)
            await asyncio.sleep((lead_ms + burst_ms - self._max_lead_ms) / 1000)

    def _lead_ms(self) -> float:
        if self._playing_since is None:
            return 0.0
        return self.sent_ms - (asyncio.get_running_loop().time() - self._playing_since) * 1000


def _is_audible(pcm: bytes) -> bool:
    samples = array("h", pcm)
    return max(max(samples), -min(samples)) >= AUDIBLE_PEAK
