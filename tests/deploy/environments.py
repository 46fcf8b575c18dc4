"""Virtual environments for tests: of somebody who deploys, and of a container."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import textwrap
from pathlib import Path

from vivavoce.isolation.uv import find_uv, uv_environ

ROOT = Path(__file__).parents[2]

PARROT = '''
    """A third party's voice: a tone for each clause."""

    import math
    import struct

    from vivavoce_api import AudioChunk, Kind, Offer, Options, SpeechChunk, TextToSpeechCapabilities, clauses, hookimpl

    TONE = struct.pack("<2400h", *(int(9000 * math.sin(i / 8)) for i in range(2400)))


    class ParrotOptions(Options):
        feathers: int = 3
        """How many."""


    class Parrot:
        max_sessions = None

        async def open_session(self, context):
            return self

        async def synthesize(self, text):
            async for clause in clauses(text):
                yield SpeechChunk(AudioChunk(TONE, 24_000))

        async def close(self):
            pass


    @hookimpl
    def vivavoce_text_to_speech():
        capabilities = TextToSpeechCapabilities(sample_rate_hz=24_000)
        return [Offer(Kind.TEXT_TO_SPEECH, "parrot", "A tone", ParrotOptions, lambda *_: Parrot(), capabilities)]
'''
PARROT_PROJECT = """
    [build-system]
    requires = ["hatchling"]
    build-backend = "hatchling.build"

    [project]
    name = "parrot-voice"
    version = "2.5"
    dependencies = ["vivavoce-api"]

    [project.entry-points.vivavoce]
    parrot = "parrot_voice"
"""


def uv(*arguments: str | Path, cwd: Path = ROOT) -> None:
    subprocess.run([find_uv(), *map(str, arguments)], cwd=cwd, env=uv_environ(os.environ), check=True)


def environment_of(folder: Path) -> Path:
    """A new virtual environment; returns its Python."""
    uv("venv", "--quiet", "--python", sys.executable, folder)
    return folder / "bin" / "python"


def wheels_of_checkout(folder: Path) -> list[Path]:
    """Wheels of all distributions of this checkout, built into `folder`."""
    build = ["build", "--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable, "--out-dir"]
    for source in [*ROOT.glob("core/*"), *ROOT.glob("plugins/*")]:
        if (source / "pyproject.toml").exists():
            uv(*build, folder, source)
    return list(folder.glob("*.whl"))


def parrot_in(folder: Path) -> Path:
    """A third party's plugin in a folder of its own."""
    (folder / "parrot_voice").mkdir(parents=True)
    (folder / "parrot_voice/__init__.py").write_text(textwrap.dedent(PARROT))
    (folder / "pyproject.toml").write_text(textwrap.dedent(PARROT_PROJECT))
    return folder


def deployer_in(folder: Path, wheels: list[Path], *others: Path | str, modal: str | None = None) -> Path:
    """The Python of a new environment with these wheels and others; all other packages are borrowed from ours.

    `modal` is the version of Modal's client to have instead of ours, from the package index.
    """
    python = environment_of(folder)
    (site,) = (folder / "lib").glob("python*/site-packages")
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    install = ["pip", "install", "--quiet", "--python", python]
    if modal is not None:
        uv(*install, f"modal=={modal}")
    uv(*install, "--offline", "--no-deps", "--no-build-isolation", *wheels, *others)
    return python
