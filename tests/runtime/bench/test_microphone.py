"""The bench's microphone, on virtual time: it stays on, whatever holds the client up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from vivavoce.bench import Clip
from vivavoce.bench.call import Call
from vivavoce.bench.plan import Plan, Utterance
from vivavoce.wire.client import Container, VoiceClient
from vivavoce_api.testing import virtual_time_loop

MakeClip = Callable[..., Clip]


class HeldUpSocket:
    """Takes messages; the tenth and each tenth after it for 150 ms."""

    def __init__(self) -> None:
        self.sent = 0

    async def send(self, message: bytes) -> None:
        self.sent += 1
        if self.sent % 10 == 0:
            await asyncio.sleep(0.15)


async def packets_in_three_seconds(clip: Clip) -> int:
    """Of the room, of a clip in it, and of the room again."""
    socket: Any = HeldUpSocket()
    call = Call(VoiceClient(socket, Container.RAW, 20, 1), Plan([clip]))
    microphone = asyncio.create_task(call.speak_on())
    await asyncio.sleep(1.0)
    said = call.begin(Utterance(0, clip))
    await asyncio.sleep(2.0)
    assert said.done()
    microphone.cancel()
    return socket.sent


def test_room_and_speech_keep_to_the_clock_though_the_client_is_held_up(make_clip: MakeClip) -> None:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        sent = runner.run(packets_in_three_seconds(make_clip(words=2)))
    assert 3000 / 20 - 150 / 20 - 1 <= sent <= 3000 / 20
