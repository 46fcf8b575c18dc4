"""From a laptop to a conversation, without Modal: the image is built from what was told to the control plane.

The deployer's environment holds wheels of this checkout and a third party's plugin, installed from a folder. `modal
deploy` runs there. Its image commands are then run in a fresh virtual environment, its files are laid out, its function
is imported by name and served, and somebody talks to it.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from control_plane import ControlPlane
from environments import deployer_in, environment_of, parrot_in

from vivavoce.audio.files import read_audio
from vivavoce.audio.level import first_audible_ms
from vivavoce.isolation.uv import find_uv, uv_environ
from vivavoce.wire.client import open_client
from vivavoce_api import AudioChunk, ErrorNotice, ReplyAudio, ReplyEnded, UserTranscript
from vivavoce_api.testing import word_error_rate

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1500)]

ROOT = Path(__file__).parents[2]
CLIP, SAID = (ROOT / "tests/data/speech/transcripts.tsv").read_text().splitlines()[1].split("\t")[:2]
START_S = 300


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The quickstart's deployment, with an agent that speaks as the parrot does."""
    folder = tmp_path / "project"
    (folder / "agents").mkdir(parents=True)
    (folder / "deploy").mkdir()
    agent = (ROOT / "agents/quickstart.yaml").read_text()
    (folder / "agents/quickstart.yaml").write_text(re.sub(r"tts: .*", "tts: {plugin: parrot, feathers: 4}", agent))
    (folder / "deploy/quickstart.yaml").write_text((ROOT / "deploy/quickstart.yaml").read_text())
    return folder


class Container:
    """What a recorded image and function make of an empty folder. `/vivavoce` and the like are folders in it."""

    def __init__(self, folder: Path, plane: ControlPlane, name: str) -> None:
        self.folder = folder
        self.plane = plane
        self.function = plane.function(name).ranked_functions[0].function
        self.python = environment_of(folder / "venv")
        self.variables = {"HOME": str(folder), "PATH": f"{self.python.parent}:/usr/bin:/bin"}
        self.places = {"/.uv": folder / "uv", "/vivavoce": folder / "vivavoce"}

    def here(self, text: str) -> str:
        """A command or value with the container's folders as they are called here."""
        for place, folder in self.places.items():
            text = re.sub(rf"(?<![\w./-]){re.escape(place)}(?=/)", str(folder), text)
        return text

    def build(self) -> None:
        """Run the image's commands, without those that make the base image."""
        base, *layers = self.plane.layers(self.function.image_id)
        assert base.dockerfile_commands[0].startswith("FROM python:")
        for layer in layers:
            for line in layer.dockerfile_commands:
                self._do(line, layer.context_mount_id)
        for mount in self.function.mount_ids:
            self._lay_out(mount)
        self.variables |= {
            name: self.here(value) for name, value in self.plane.variables(self.function.secret_ids).items()
        }

    def _do(self, line: str, context: str) -> None:
        verb, _, rest = line.partition(" ")
        if verb == "ENV":
            name, _, value = rest.partition("=")
            self.variables[name] = self.here(*shlex.split(value))
        elif line == "COPY . /":
            self._lay_out(context)
        elif line.startswith("COPY --from=ghcr.io/astral-sh/uv"):
            (self.folder / "uv").mkdir()
            (self.folder / "uv/uv").symlink_to(find_uv())
        elif verb == "RUN":
            environment = uv_environ(os.environ) | self.variables
            subprocess.run(["bash", "-euc", self.here(rest)], env=environment, cwd=self.folder, check=True)
        else:
            assert line == "FROM base", line

    def _lay_out(self, mount: str) -> None:
        for name, digest in self.plane.mounts[mount].items():
            path = Path(self.here(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.plane.files[digest])

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Import the function by its recorded name, and serve what it returns, as Modal does; the address."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        factory = f"{self.function.module_name}:{self.function.implementation_name}"
        command = [
            str(self.python),
            "-m",
            "uvicorn",
            "--factory",
            factory,
            "--port",
            str(port),
            "--log-level",
            "warning",
        ]
        with subprocess.Popen(command, env=self.variables, cwd=self.folder) as server:
            try:
                yield f"127.0.0.1:{port}"
            finally:
                server.terminate()
                assert server.wait(60) in (0, -signal.SIGTERM)  # uvicorn raises the signal again at its end


def status_of(address: str) -> dict:
    """`/status`, as soon as the server answers."""
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/status", timeout=10) as response:
                return json.load(response)
        except OSError:
            assert time.monotonic() < deadline_s, "the server does not answer"
            time.sleep(0.2)


async def talk(address: str) -> tuple[str, AudioChunk, list[str]]:
    """Say one clip after the greeting; the transcript, the sound of the reply, and errors."""
    transcript, pcm, rate_hz, errors = "", b"", 24_000, []
    async with open_client(f"ws://{address}/ws") as client:
        replied = asyncio.Event()

        async def listen() -> None:
            nonlocal transcript, pcm, rate_hz
            async for arrival in client.arrivals():
                match arrival.item:
                    case UserTranscript(text=text, final=True):
                        transcript += text
                    case ReplyAudio(audio=audio):
                        pcm, rate_hz = pcm + audio.pcm, audio.sample_rate_hz
                    case ErrorNotice(message=message):
                        errors.append(message)
                    case ReplyEnded():
                        replied.set()

        async def quiet() -> None:
            while not replied.is_set():
                await client.speak(AudioChunk.silence(200, 16_000))

        async with asyncio.timeout(START_S), asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            await quiet()  # the greeting; it comes when the engines are loaded
            pcm = b""
            await client.speak(read_audio(ROOT / "tests/data/speech" / CLIP))
            replied.clear()  # the greeting, or a reply to half of the clip that its other half has cut off
            await quiet()
            listening.cancel()
    return transcript, AudioChunk(pcm, rate_hz), errors


def test_what_was_deployed_converses(request, wheels, project, plane, environment, tmp_path):
    deployer = deployer_in(tmp_path / "deployer", wheels, parrot_in(tmp_path / "parrot"))
    command = [str(deployer), "-m", "modal", "deploy", "deploy/quickstart.yaml"]
    done = subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    assert plane.refused == []

    container = Container(tmp_path / "container", plane, "agent-web")
    request.addfinalizer(lambda: shutil.rmtree(container.folder))  # 2 GB
    container.build()
    installed = subprocess.run(
        [find_uv(), "pip", "list", "--python", container.python], capture_output=True, text=True, check=True
    ).stdout
    assert re.search(r"^parrot-voice +2\.5$", installed, re.MULTILINE)
    assert not re.search(r"^(modal|vivavoce-hibari|vivavoce-vllm|pytest) ", installed, re.MULTILINE)

    with container.serving() as address:
        first = status_of(address)
        print(f"state when it first answers: {first['engines']}")
        assert first["engines"]["tts"]["package"] == "parrot-voice 2.5"
        transcript, reply, errors = asyncio.run(talk(address))
        assert status_of(address)["ready"]
    assert errors == []
    assert word_error_rate(SAID, transcript) < 0.35
    assert first_audible_ms(reply) is not None
