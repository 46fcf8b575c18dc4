"""An agent in a real Pipecat pipeline: `[input, agent, output]`, with a transport in memory, on virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    InterruptionFrame,
    OutputAudioRawFrame,
    StartFrame,
    TranscriptionFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineWorker
from pipecat.processors.frame_processor import FrameDirection
from pipecat.transports.base_input import BaseInputTransport
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner
from vivavoce_pipecat.processor import HELD_CHUNKS, AgentProcessor, PipelineConnection, mono

from vivavoce_api import (
    AgentHost,
    AudioChunk,
    Connection,
    EngineBusyError,
    ReplyAudio,
    ReplyEnded,
    ReplyText,
    UserTranscript,
)
from vivavoce_api.testing import virtual_time_loop

RATE_HZ = 24_000
PARAMETERS = TransportParams(
    audio_in_enabled=True, audio_out_enabled=True, audio_out_end_silence_secs=0, audio_out_auto_silence=False
)


class MemoryInput(BaseInputTransport):
    """What a test says, goes in here."""

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)


class MemoryOutput(BaseOutputTransport):
    """Plays in real time into a list, and notes the frames that reach the end of the pipeline."""

    def __init__(self) -> None:
        super().__init__(PARAMETERS)
        self.played = bytearray()
        self.first_played_s = 0.0
        self.frames: list[Frame] = []

    async def start(self, frame: StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        self.frames.append(frame)
        await super().process_frame(frame, direction)

    async def write_audio_frame(self, frame: OutputAudioRawFrame) -> bool:
        self.first_played_s = self.first_played_s or asyncio.get_running_loop().time()
        await asyncio.sleep(len(frame.audio) / 2 / frame.sample_rate)
        self.played += frame.audio
        return True

    @property
    def played_ms(self) -> float:
        return AudioChunk(bytes(self.played), RATE_HZ).duration_ms


@dataclass
class Stage:
    """A pipeline with an agent of `host` in the middle."""

    host: AgentHost
    input: MemoryInput = field(default_factory=lambda: MemoryInput(PARAMETERS))
    output: MemoryOutput = field(default_factory=MemoryOutput)
    errors: list[ErrorFrame] = field(default_factory=list)

    def __post_init__(self) -> None:
        agent = AgentProcessor(self.host, {"language": "en"})
        self.worker = PipelineWorker(
            Pipeline([self.input, agent, self.output]), enable_rtvi=False, cancel_on_idle_timeout=False
        )
        self.worker.add_event_handler("on_pipeline_error", self._note_error)
        self.worker.add_event_handler("on_pipeline_started", self._note_start)
        self.started = asyncio.Event()

    async def _note_error(self, _: object, frame: ErrorFrame) -> None:
        self.errors.append(frame)

    async def _note_start(self, *_: object) -> None:
        self.started.set()

    async def say(self, chunk: AudioChunk, channels: int = 1) -> None:
        """Twenty-millisecond frames, as a transport delivers them."""
        size = len(chunk.pcm) * 20 // round(chunk.duration_ms) * channels
        pcm = b"".join(chunk.pcm[n : n + 2] * channels for n in range(0, len(chunk.pcm), 2))
        for start in range(0, len(pcm), size):
            frame = InputAudioRawFrame(pcm[start : start + size], chunk.sample_rate_hz, channels)
            await self.input.push_audio_frame(frame)
            await asyncio.sleep(0.02)


def play(host: AgentHost, script: Callable[[Stage], object]) -> Stage:
    """Run a pipeline while `script` acts; every task must be gone at the end."""

    async def run() -> Stage:
        stage = Stage(host)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(stage.worker)
        before = asyncio.all_tasks()
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(runner.run())
            await stage.started.wait()
            acting = script(stage)
            if asyncio.iscoroutine(acting):
                await acting
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == before
        return stage

    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        return runner.run(run())


@dataclass
class Echo:
    """Says back what it hears, then what it heard."""

    parameters: Mapping[str, str] = field(default_factory=dict)
    heard: list[AudioChunk] = field(default_factory=list)
    ended: str = ""

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        self.parameters = parameters
        try:
            async for chunk in connection.incoming():
                assert isinstance(chunk, AudioChunk)
                self.heard.append(chunk)
                await connection.send(ReplyAudio(1, chunk))
                if len(self.heard) == 10:
                    await connection.send(ReplyText(1, "ten"))
                    await connection.send(UserTranscript("ten chunks", final=True))
                    await connection.send(ReplyEnded(1, interrupted=False, heard="ten"))
            self.ended = "client gone"
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


def sound(duration_ms: float, rate_hz: int) -> AudioChunk:
    count = round(duration_ms * rate_hz / 1000)
    return AudioChunk(bytes(n // 2 % 100 for n in range(2 * count)), rate_hz)


def of_type(frames: list[Frame], kind: type[Frame]) -> list[Frame]:
    return [frame for frame in frames if type(frame) is kind]


def test_sound_goes_in_at_any_rate_and_comes_out() -> None:
    async def script(stage: Stage) -> None:
        await stage.say(sound(1_000, 48_000), channels=2)
        await asyncio.sleep(2)
        await stage.worker.queue_frame(EndFrame())

    echo = Echo()
    stage = play(echo, script)
    assert {chunk.sample_rate_hz for chunk in echo.heard} == {16_000}
    assert 998 <= sum(chunk.duration_ms for chunk in echo.heard) <= 1_000
    assert {chunk.duration_ms for chunk in echo.heard[1:]} == {20}, "a packet is heard when it comes, not with others"
    assert 920 <= stage.output.played_ms <= 1_000, "Pipecat plays chunks of 40 ms; the last is not whole"
    assert echo.parameters == {"language": "en"}
    assert not stage.errors


@pytest.mark.parametrize("rate_hz", [16_000, RATE_HZ, 48_000])
def test_a_reply_is_played_to_its_end(rate_hz: int) -> None:
    class Speaks:
        async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
            for _ in range(50):
                await connection.send(ReplyAudio(1, sound(20, rate_hz)))
            await connection.send(ReplyEnded(1, interrupted=False, heard="all of it"))
            async for _ in connection.incoming():
                pass

    async def script(stage: Stage) -> None:
        await asyncio.sleep(5)
        await stage.worker.queue_frame(EndFrame())

    assert play(Speaks(), script).output.played_ms == pytest.approx(1_000, abs=41)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, RATE_HZ, 48_000])
def test_a_reply_is_heard_as_soon_as_pipecat_can_play_it(rate_hz: int) -> None:
    class Speaks:
        async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
            for _ in range(20):
                await asyncio.sleep(0.02)
                await connection.send(ReplyAudio(1, sound(20, rate_hz)))
            await connection.send(ReplyEnded(1, interrupted=False, heard="all of it"))
            async for _ in connection.incoming():
                pass

    started_s = 0.0

    async def script(stage: Stage) -> None:
        nonlocal started_s
        started_s = asyncio.get_running_loop().time()
        await asyncio.sleep(5)
        await stage.worker.queue_frame(EndFrame())

    output = play(Speaks(), script).output
    assert (output.first_played_s - started_s) * 1000 <= 62, "three packets of 20 ms hold one of Pipecat's 40 ms"


def test_transcripts_and_words_become_frames() -> None:
    async def script(stage: Stage) -> None:
        await stage.say(sound(400, 16_000))
        await asyncio.sleep(2)
        await stage.worker.queue_frame(EndFrame())

    frames = play(Echo(), script).output.frames
    (transcript,) = of_type(frames, TranscriptionFrame)
    assert isinstance(transcript, TranscriptionFrame)
    assert transcript.text == "ten chunks"
    (spoken,) = of_type(frames, TTSTextFrame)
    assert isinstance(spoken, TTSTextFrame)
    assert spoken.text == "ten"
    assert not of_type(frames, InterruptionFrame)


class Interrupted:
    """Speaks for ten seconds at once, and is cut off at the first sound from the user."""

    async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
        await connection.send(ReplyAudio(1, sound(10_000, RATE_HZ)))
        async for _ in connection.incoming():
            await connection.send(ReplyEnded(1, interrupted=True, heard="a little"))
            break
        async for _ in connection.incoming():
            pass


def test_an_interruption_makes_the_output_drop_what_it_holds() -> None:
    async def script(stage: Stage) -> None:
        await asyncio.sleep(1)
        await stage.say(sound(20, 16_000))
        await asyncio.sleep(15)
        await stage.worker.queue_frame(EndFrame())

    stage = play(Interrupted(), script)
    assert 900 <= stage.output.played_ms <= 1_200
    assert len(of_type(stage.output.frames, InterruptionFrame)) == 1


def test_the_end_of_the_pipeline_ends_the_conversation() -> None:
    async def script(stage: Stage) -> None:
        await stage.say(sound(100, 16_000))
        await stage.worker.queue_frame(EndFrame())

    echo = Echo()
    play(echo, script)
    assert echo.ended == "client gone"


def test_cancelling_the_pipeline_ends_the_conversation() -> None:
    class Stubborn(Echo):
        async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.ended = "cancelled"
                raise

    async def script(stage: Stage) -> None:
        await stage.worker.queue_frame(CancelFrame())

    echo = Stubborn()
    play(echo, script)
    assert echo.ended == "cancelled"


def test_a_refused_conversation_is_an_error_and_ends_the_pipeline() -> None:
    class Busy:
        async def converse(self, connection: Connection, parameters: Mapping[str, str]) -> None:
            raise EngineBusyError("all lines are busy")

    stage = play(Busy(), lambda stage: None)
    assert [frame.error for frame in stage.errors] == ["all lines are busy"]


def test_input_that_nobody_takes_stays_bounded() -> None:
    async def flood() -> int:
        connection = PipelineConnection(AgentProcessor(Echo()))
        for _ in range(3 * HELD_CHUNKS):
            connection.hear(InputAudioRawFrame(bytes(640), 16_000, 1))
        connection.hang_up()
        return len([chunk async for chunk in connection.incoming()])

    assert asyncio.run(flood()) == HELD_CHUNKS - 1


def test_stereo_becomes_mono_and_half_samples_are_dropped() -> None:
    left_and_right = (100).to_bytes(2, "little") + (300).to_bytes(2, "little")
    assert mono(InputAudioRawFrame(left_and_right * 3 + b"\x01", 16_000, 2)) == (200).to_bytes(2, "little") * 3
    assert mono(InputAudioRawFrame(b"\x01\x02\x03", 16_000, 1)) == b"\x01\x02"
