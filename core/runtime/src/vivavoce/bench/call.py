"""One connection to the server under test: a microphone in a room that never falls silent, and an ear."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from vivavoce.bench.ear import Ear
from vivavoce.bench.line import PACKET_MS, Line
from vivavoce.bench.outcome import Said
from vivavoce.bench.plan import Plan, Utterance
from vivavoce.bench.room import RoomNoise
from vivavoce.wire.client import Arrival, VoiceClient
from vivavoce_api import INPUT_SAMPLE_RATE_HZ, AudioChunk, EngineUnavailableError, ReplyAudio, ReplyEnded

# A greeting that has not begun by now does not come.
GREETING_TIMEOUT_S = 15.0


class Call:
    """Speaks and listens until its context (`open_call`) ends. One task uses it; times are the event loop's."""

    def __init__(self, client: VoiceClient, plan: Plan) -> None:
        self._client = client
        self._plan = plan
        self._noise = RoomNoise(plan.noise_dbfs, plan.seed)
        self._next: tuple[Utterance, asyncio.Future[Said]] | None = None
        self._changed = asyncio.Event()
        self.arrivals: list[Arrival] = []
        self.ear = Ear()
        """Drops what the server takes back."""
        self.plain_ear = Ear()
        """That of a client that knows only the three messages: plays everything."""
        self.gone = False

    def begin(self, utterance: Utterance) -> asyncio.Future[Said]:
        """Say it from the next packet on; the result is there when all of it was said.

        It raises `EngineUnavailableError` when the server is gone.
        """
        done: asyncio.Future[Said] = asyncio.get_running_loop().create_future()
        if self.gone:
            done.set_exception(EngineUnavailableError("the server closed the connection"))
        else:
            self._next = utterance, done
        return done

    async def greeted(self) -> None:
        """Wait until the agent has greeted, at most 15 s for its first sound."""
        loop = asyncio.get_running_loop()
        await self.until(lambda: bool(self.ear.played), loop.time() + GREETING_TIMEOUT_S)
        if self.ear.played:
            await self._until_quiet(0.0)

    async def until_answered(self, said: Said) -> bool:
        """Wait until a sound is heard after the end of `said`; false when none comes in the plan's time."""
        end_s = said.voiced_until_s
        await self.until(lambda: self._sounds_after(end_s), end_s + self._plan.answer_timeout_s)
        return self._sounds_after(end_s)

    async def until_over(self, said: Said) -> None:
        """Wait until `said` was answered and the reply's sound has ended, or until it is clear that none comes."""
        if await self.until_answered(said):
            await self._until_quiet(said.voiced_until_s)

    async def until(self, condition: Callable[[], bool], deadline_s: float) -> None:
        """Wait until `condition` holds after an arrival, or until `deadline_s`, or until the server is gone."""
        with suppress(TimeoutError):
            async with asyncio.timeout_at(deadline_s):
                while not condition() and not self.gone:
                    self._changed.clear()
                    await self._changed.wait()

    def _sounds_after(self, at_s: float) -> bool:
        return self.ear.until_s > at_s and self.ear.first_audible_s(at_s) is not None

    async def _until_quiet(self, after_s: float) -> None:
        loop = asyncio.get_running_loop()
        while not self.gone:
            quiet_s = 0.0 if self._said_to_be_over(after_s) else self._plan.reply_quiet_s
            over_s, count = self.ear.until_s + quiet_s, len(self.arrivals)
            if loop.time() >= over_s:
                return
            await self.until(lambda count=count: len(self.arrivals) > count, over_s)

    def _said_to_be_over(self, after_s: float) -> bool:
        """Whether the last that came of a reply is the word that it has ended."""
        for arrival in reversed(self.arrivals):
            if isinstance(arrival.item, ReplyAudio | ReplyEnded):
                return isinstance(arrival.item, ReplyEnded) and arrival.at_s > after_s
        return False

    async def speak_on(self) -> None:
        """The microphone: the room's noise, and in it what is to be said. Ends when the server is gone."""
        try:
            while True:
                if self._next is None:
                    await self._client.speak(self._noise.silence(PACKET_MS), follows=True)
                    continue
                utterance, done = self._next
                done.set_result(await self._speak(utterance))
                self._next = None
        except EngineUnavailableError as error:
            self.gone = True
            self._changed.set()
            if self._next is not None:
                self._next[1].set_exception(error)

    async def _speak(self, utterance: Utterance) -> Said:
        audio = whole_packets(utterance.clip.audio)
        end_s = await self._client.speak(self._noise.under(audio), follows=True)
        late_s = asyncio.get_running_loop().time() - end_s
        return Said(utterance, end_s - audio.duration_ms / 1000, late_s * 1000)

    async def listen_on(self) -> None:
        """The ear. Ends when the server is gone."""
        async for arrival in self._client.arrivals():
            self.arrivals.append(arrival)
            if isinstance(arrival.item, ReplyAudio):
                for ear in (self.ear, self.plain_ear):
                    ear.hear(arrival.at_s, arrival.item.reply_id, arrival.item.audio)
            elif isinstance(arrival.item, ReplyEnded) and arrival.item.interrupted:
                self.ear.drop(arrival.at_s, arrival.item.reply_id)
            self._changed.set()
        self.gone = True
        self._changed.set()


def whole_packets(audio: AudioChunk) -> AudioChunk:
    """`audio`, filled up with silence to whole packets of 20 ms."""
    packet = PACKET_MS * INPUT_SAMPLE_RATE_HZ // 1000
    return AudioChunk(audio.pcm + bytes(2 * (-audio.samples % packet)), audio.sample_rate_hz)


@asynccontextmanager
async def open_call(line: Line, plan: Plan, script_from: int = 0) -> AsyncIterator[Call]:
    """Connect; the call's noise begins at once. A server with a simulated speech-to-text begins at `script_from`.

    Raises `EngineUnavailableError`.
    """
    async with line.open(script_from) as client:
        call = Call(client, plan)
        tasks = [asyncio.create_task(call.speak_on()), asyncio.create_task(call.listen_on())]
        try:
            yield call
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
