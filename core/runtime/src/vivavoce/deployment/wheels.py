"""Wheels of packages that came from this machine: each made once for each state of the package, so that layers stay."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from vivavoce.isolation.uv import find_uv, uv_environ
from vivavoce.isolation.wheels import fingerprint, pack
from vivavoce_api import PrerequisiteError
from vivavoce_api.weights import cache_folder

BUILD_TIMEOUT_S = 600
SKIPPED = {"__pycache__", "build", "dist", "node_modules", "venv"}


def packed_wheel(found: metadata.Distribution) -> Path:
    """The wheel of what is installed under this name, whatever became of its source. Raises `PrerequisiteError`."""

    def make(folder: Path) -> None:
        pack(found, folder)

    return _kept(fingerprint(found), found.metadata["Name"], make)


def wheel_of_folder(source: Path, name: str) -> Path:
    """The wheel of the package in `source`, built with uv. Blocks. Raises `PrerequisiteError`, with uv's last words."""

    def make(folder: Path) -> None:
        _build(source, folder, name)

    return _kept(_digest(source), name, make)


def _kept(digest: str, name: str, make: Callable[[Path], None]) -> Path:
    """The wheel that is kept under `digest`; `make` puts it into an empty folder where there is none yet."""
    kept = cache_folder() / "wheels" / digest[:24]
    if (present := _wheel_in(kept, name)) is not None:
        return present
    kept.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as temporary:
        make(Path(temporary))
        made = _wheel_in(Path(temporary), name)
        if made is None:
            raise PrerequisiteError(f"building {name} gave no wheel of that name")
        return made.replace(kept / made.name)


def _wheel_in(folder: Path, name: str) -> Path | None:
    for path in folder.glob("*.whl"):
        if parse_wheel_filename(path.name)[0] == canonicalize_name(name):
            return path
    return None


def _digest(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(_files(folder)):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """The folder's files, without what tools leave there and what is hidden."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [
            one for one in folders if one not in SKIPPED and not one.startswith(".") and "egg-info" not in one
        ]
        yield from (Path(parent) / one for one in files if not one.startswith(".") and not one.endswith(".pyc"))


def _build(folder: Path, output: Path, name: str) -> None:
    command = [find_uv(), "build", "--wheel", "--python", sys.executable, "--out-dir", str(output), str(folder)]
    if _backend_is_installed(folder):
        command.append("--no-build-isolation")
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, env=uv_environ(os.environ), check=False
        )
    except subprocess.TimeoutExpired:
        raise PrerequisiteError(f"building {name} in {folder} took more than {BUILD_TIMEOUT_S} s") from None
    if done.returncode:
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise PrerequisiteError(f"{name} is installed from {folder}, and building a wheel of it failed:\n{said}")


def _backend_is_installed(folder: Path) -> bool:
    """Whether all that the folder's build needs is installed here, so that nothing has to be fetched for it."""
    project = folder / "pyproject.toml"
    if not project.is_file():
        return False
    required = tomllib.loads(project.read_text(encoding="utf-8")).get("build-system", {}).get("requires", [])
    try:
        return bool(required) and all(_is_installed(Requirement(text)) for text in required)
    except metadata.PackageNotFoundError:
        return False


def _is_installed(requirement: Requirement) -> bool:
    return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
