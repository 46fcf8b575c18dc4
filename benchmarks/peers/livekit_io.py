"""A WebSocket as the ears and the mouth of a LiveKit session, without a LiveKit room."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from livekit import rtc
from livekit.agents.voice import io

from benchmarks.peers.stages import INPUT_HZ, OUTPUT_HZ

PACKET_S = 0.02
AHEAD_S = 0.04
"""How far ahead of real time sound is sent, after the first: as far as Pipecat's websocket transport does at most."""


class WireInput(io.AudioInput):
    """Decoded packets, each as it comes."""

    def __init__(self) -> None:
        super().__init__(label="wire")
        self._frames: asyncio.Queue[rtc.AudioFrame | None] = asyncio.Queue()

    def push(self, pcm: bytes) -> None:
        """A packet's sound; nothing for the end."""
        samples = len(pcm) // 2
        self._frames.put_nowait(rtc.AudioFrame(pcm, INPUT_HZ, 1, samples) if samples else None)

    async def __anext__(self) -> rtc.AudioFrame:
        frame = await self._frames.get()
        if frame is None:
            raise StopAsyncIteration
        return frame


class WireOutput(io.AudioOutput):
    """Sends sound in packets of 20 ms at the pace of a player, and tells the session when it has been played."""

    def __init__(self, send: Callable[[bytes], Awaitable[None]]) -> None:
        super().__init__(label="wire", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=OUTPUT_HZ)
        self._send = send
        self._pcm = bytearray()
        self._pending: deque[bytes] = deque()
        self._segment_over = False
        self._changed = asyncio.Event()
        self._played_until = 0.0
        self._captured_s = 0.0
        self._sent_s = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        """Sound of the reply."""
        await super().capture_frame(frame)
        if not self._captured_s:
            self.on_playback_started(created_at=time.time())
        self._captured_s += frame.duration
        self._pcm += bytes(frame.data)
        self._changed.set()

    def flush(self) -> None:
        """The reply's sound is complete."""
        super().flush()
        if self._captured_s:
            self._segment_over = True
            self._changed.set()

    def clear_buffer(self) -> None:
        """The reply was interrupted."""
        self._pcm.clear()
        if self._captured_s:
            left_s = max(0.0, self._played_until - time.monotonic())
            self._finish(max(0.0, self._sent_s - left_s), interrupted=True)

    async def play(self) -> None:
        """Send what is captured, until cancelled."""
        size = 2 * round(PACKET_S * OUTPUT_HZ)
        while True:
            if len(self._pcm) >= size or (self._segment_over and self._pcm):
                packet = bytes(self._pcm[:size])
                del self._pcm[:size]
                await self._send_paced(packet)
            elif self._segment_over:
                await self._play_out()
            else:
                self._changed.clear()
                await self._changed.wait()

    async def _send_paced(self, packet: bytes) -> None:
        wait_s = self._played_until - AHEAD_S - time.monotonic()
        length_s = len(packet) / 2 / OUTPUT_HZ
        await self._send(packet)
        self._played_until = max(self._played_until, time.monotonic()) + length_s
        self._sent_s += length_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    async def _play_out(self) -> None:
        self._changed.clear()
        try:
            async with asyncio.timeout(max(0.0, self._played_until - time.monotonic())):
                await self._changed.wait()
        except TimeoutError:
            if self._segment_over and not self._pcm:
                self._finish(self._captured_s, interrupted=False)

    def _finish(self, position_s: float, *, interrupted: bool) -> None:
        self._captured_s = self._sent_s = 0.0
        self._segment_over = False
        self._changed.set()
        self.on_playback_finished(playback_position=position_s, interrupted=interrupted)
