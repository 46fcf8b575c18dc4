"""The client's microphone, on virtual time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from vivavoce.wire.client import Container, VoiceClient
from vivavoce_api import AudioChunk
from vivavoce_api.testing import virtual_time_loop


class SlowSocket:
    """Notes when each message leaves; the third is held up for 70 ms."""

    def __init__(self) -> None:
        self.sent_ms: list[int] = []

    async def send(self, message: bytes) -> None:
        if len(self.sent_ms) == 2:
            await asyncio.sleep(0.07)
        self.sent_ms.append(round(asyncio.get_running_loop().time() * 1000))


async def packets(socket: Any, *, follow: bool) -> list[int]:
    begin_ms = round(asyncio.get_running_loop().time() * 1000)
    client = VoiceClient(socket, Container.RAW, 20, 1)
    for _ in range(8):
        await client.speak(AudioChunk.silence(20, 16_000), follows=follow)
    return [at_ms - begin_ms for at_ms in socket.sent_ms]


@pytest.mark.parametrize(
    ("follow", "expected"),
    [
        (True, [20, 40, 130, 130, 130, 130, 140, 160]),
        (False, [20, 40, 130, 150, 170, 190, 210, 230]),
    ],
)
def test_a_microphone_that_stays_on_catches_up_with_the_clock(follow: bool, expected: list[int]) -> None:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        assert runner.run(packets(SlowSocket(), follow=follow)) == expected
