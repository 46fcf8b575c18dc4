"""An installed plugin, as far as a worker can tell: engines that fail as the text, or the session, asks for.

It becomes one by the fixture `faulty` of `conftest.py`; the tests themselves import it, too, for its offers.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from vivavoce_api import (
    AudioChunk,
    EngineBusyError,
    EngineError,
    Isolation,
    Kind,
    LanguageModelCapabilities,
    Offer,
    Options,
    SpeechChunk,
    SpokenSpan,
    TextDelta,
    TextToSpeechCapabilities,
    ToolCall,
    ToolSpec,
    Usage,
    hookimpl,
)

RATE_HZ = 24_000


class FaultyOptions(Options):
    max_sessions: int | None = None
    load: str = ""
    workers: int = 1


class OwnError(EngineError):
    """A plugin's own class of error."""


class FaultyVoice:
    """Says who it is (its process) and then each word of the text, in chunks of 80 ms, or does what the word says."""

    def __init__(self, options):
        self.max_sessions = options.max_sessions
        self.child = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        self.sessions = 0

    async def open_session(self, context):
        if self.max_sessions is not None and self.sessions >= self.max_sessions:
            raise EngineBusyError(f"{self.max_sessions} sessions are all")
        self.sessions += 1
        return FaultySession(self)

    async def close(self):
        self.child.kill()
        self.child.wait()


class FaultySession:
    def __init__(self, engine):
        self.engine = engine
        self.closed = False

    async def synthesize(self, text):
        yield chunk(f"{os.getpid()} {self.engine.child.pid}")
        async for word in text:
            if word == "stubborn":
                yield chunk(word)  # so that who asked knows that it has begun
            await obey(word)
            yield chunk(word)

    async def close(self):
        if not self.closed:
            self.closed = True
            self.engine.sessions -= 1


def chunk(text):
    return SpeechChunk(AudioChunk(bytes(3840), RATE_HZ), (SpokenSpan(text, 0, 80),))


async def obey(word):  # noqa: C901 - a list of misdeeds
    """Do what a word of the text says; most say nothing."""
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "hang":
        time.sleep(1000)  # noqa: ASYNC251 - the misdeed itself
    if word == "memory":
        raise MemoryError
    if word == "garbage":
        connection = int(sys.argv[sys.argv.index("--fd") + 1])
        os.write(connection, b"All work and no play makes Jack a dull boy. " * 1000)
        await asyncio.Event().wait()
    if word == "wait":
        await asyncio.Event().wait()
    if word == "stubborn":
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                pass
    if word == "own":
        raise OwnError("the voice is hoarse", fix="drink tea", retryable=True)
    if word == "bug":
        raise LookupError("no such phone")


def load_voice(options, progress):
    progress("clearing the throat", 1, 3)
    if options.load == "fail":
        raise EngineError("the voice has a cold", fix="wait a week")
    if options.load == "bug":
        raise LookupError("no lungs")
    if options.load == "die":
        print("about to die", flush=True)
        os._exit(7)
    if options.load == "once":
        flag = Path(os.environ["FAULTY_FLAG"])
        if flag.exists():
            raise EngineError("the second time it does not load")
        flag.touch()
    return FaultyVoice(options)


def prepare_voice(options, progress):
    if "FAULTY_PREPARED" in os.environ:
        with Path(os.environ["FAULTY_PREPARED"]).open("a") as file:
            file.write(f"prepared by {sys.prefix}\n")


def after_install(progress):
    progress("oiling the new environment")
    Path(sys.prefix, "oiled").touch()


class Echo:
    """A language model whose answers tell what it was asked; a tool that does the same."""

    max_sessions = None
    spec = ToolSpec("echo", "Says it again", {"type": "object"})

    async def open_session(self, context):
        return EchoSession(context)

    async def call(self, arguments):
        return f"{arguments['what']}!"

    async def close(self): ...


class EchoSession:
    def __init__(self, context):
        self.context = context

    async def generate(self, messages, tools=()):
        yield TextDelta(f"{self.context.session_id} {dict(self.context.parameters)}")
        for message in messages:
            yield TextDelta(repr(message))
        for tool in tools:
            yield ToolCall("1", tool.name, repr(tool))
        yield Usage(1, 2, 3)

    async def end_of_turn_probability(self, messages):
        return len(messages) / 10

    async def close(self): ...


def voice(name, **isolation):
    capabilities = TextToSpeechCapabilities(RATE_HZ, spans="words")
    settings = Isolation(workers=lambda options: options.workers, **isolation)
    return Offer(
        Kind.TEXT_TO_SPEECH, name, "Fails on demand", FaultyOptions, load_voice, capabilities, prepare_voice,
        isolation=settings,
    )  # fmt: skip


VOICE = voice("faulty", wait_s=60.0)
SOLO = voice("solo", streams_per_worker=1, wait_s=0.3)
HOUSED = voice("housed", after_install=after_install, variables={"FAULTY_VARIABLE": "1"})
MODEL = Offer(
    Kind.LANGUAGE_MODEL,
    "echo",
    "Echoes",
    Options,
    lambda options, progress: Echo(),
    LanguageModelCapabilities(predicts_end_of_turn=True),
)
TOOL = Offer(Kind.TOOL, "echo", "Echoes", Options, lambda options, progress: Echo())


@hookimpl
def vivavoce_text_to_speech():
    return [VOICE, SOLO, HOUSED]


@hookimpl
def vivavoce_language_model():
    return [MODEL]


@hookimpl
def vivavoce_tool():
    return [TOOL]
