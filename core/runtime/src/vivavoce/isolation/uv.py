"""uv, which builds environments: found, told what pip is told here, and run."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from vivavoce_api import PrerequisiteError, Progress

LAST_LINES = 15
_SETTING = re.compile(r"(?P<section>[\w-]+|:env:)\.(?P<key>[\w.-]+)=(?P<value>.*)")
_SECTIONS = ("global", "install", ":env:")
"""Of pip's configuration, the weakest first."""

_VARIABLES = {
    "index-url": ("UV_DEFAULT_INDEX", " "),
    "extra-index-url": ("UV_INDEX", " "),
    "find-links": ("UV_FIND_LINKS", ","),
    "cert": ("SSL_CERT_FILE", " "),
    "timeout": ("UV_HTTP_TIMEOUT", " "),
}
"""Settings of pip, the variable by which uv takes each, and what stands between several values there."""


def find_uv() -> str:
    """The program's path: the package `uv` brings it. Raises `PrerequisiteError`."""
    try:
        from uv import find_uv_bin

        return os.fspath(find_uv_bin())
    except (ImportError, FileNotFoundError):
        raise PrerequisiteError(
            "uv, which builds the environments of engines, is not installed", fix="pip install uv"
        ) from None


async def run_uv(arguments: list[str], folder: Path, progress: Progress) -> None:
    """Run uv in `folder`, each line that it prints as a step of `progress`. Cancelling ends it.

    Raises `PrerequisiteError` with the last lines where it fails.
    """
    environ = await asyncio.to_thread(uv_environ, os.environ)
    process = await asyncio.create_subprocess_exec(
        find_uv(),
        *arguments,
        cwd=folder,
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    lines: list[str] = []
    try:
        while line := (await process.stderr.readline()).decode(errors="replace"):
            lines = [*lines, line.rstrip()][-LAST_LINES:]
            if line.strip() and not line.startswith((" ", "Using ")):
                progress(line.strip())
        code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if code:
        raise PrerequisiteError("uv could not build the environment:\n" + "\n".join(lines))


def uv_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """This environment, with pip's settings in uv's variables: uv does not read pip's configuration.

    What is set for uv already stays as it is. With several indexes uv takes the best version of all, as pip does.
    """
    pip = pip_settings(_pip_config_list())
    found = {
        variable: separator.join(pip[key].split()) for key, (variable, separator) in _VARIABLES.items() if key in pip
    }
    if "UV_INDEX" in found:
        found["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    return {**found, **environ, "NO_COLOR": "1"}


def pip_settings(listed: str) -> dict[str, str]:
    """The settings in the output of `pip config list`, the strongest of each."""
    found: dict[str, dict[str, str]] = {}
    for match in map(_SETTING.fullmatch, listed.splitlines()):
        if match is not None:
            found.setdefault(match["section"], {})[match["key"]] = _unquoted(match["value"])
    merged: dict[str, str] = {}
    for section in _SECTIONS:
        merged |= found.get(section, {})
    return merged


def _unquoted(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def _pip_config_list() -> str:
    """Empty where there is no pip, as in environments that uv has made."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout
