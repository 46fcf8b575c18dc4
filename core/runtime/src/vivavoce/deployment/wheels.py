"""Wheels of packages that are installed from a folder: built once for each state of the folder."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

from vivavoce_api import PrerequisiteError
from vivavoce_api.weights import cache_folder

BUILD_TIMEOUT_S = 600
SKIPPED = {"__pycache__", "build", "dist", "node_modules", "venv"}


def wheel_of_folder(folder: Path, name: str) -> Path:
    """The wheel of the package in `folder`. Blocks; builds it if the folder has changed since it was last built.

    Building again from the same files gives the same wheel where the build backend is reproducible, so that image
    layers stay. Raises `PrerequisiteError` with the end of the builder's output.
    """
    target = cache_folder() / "wheels" / _digest(folder)
    if (present := _wheel_in(target, name)) is not None:
        return present
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        _build(folder, Path(temporary), name)
        built = _wheel_in(Path(temporary), name)
        if built is None:
            raise PrerequisiteError(f"building {name} in {folder} gave no wheel of that name")
        target.mkdir(exist_ok=True)
        shutil.move(str(built), target / built.name)
    return target / built.name


def _wheel_in(folder: Path, name: str) -> Path | None:
    for path in folder.glob("*.whl"):
        if parse_wheel_filename(path.name)[0] == canonicalize_name(name):
            return path
    return None


def _digest(folder: Path) -> str:
    digest = hashlib.sha256(str(folder.name).encode())
    for path in sorted(_files(folder)):
        digest.update(str(path.relative_to(folder)).encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:24]


def _files(folder: Path) -> Iterator[Path]:
    """The folder's files, without what tools leave there and what is hidden."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [one for one in folders if one not in SKIPPED and not one.startswith(".") and "egg-info" not in one]
        yield from (Path(parent) / one for one in files if not one.startswith(".") and not one.endswith(".pyc"))


def _build(folder: Path, output: Path, name: str) -> None:
    environment = {**os.environ, "SOURCE_DATE_EPOCH": os.environ.get("SOURCE_DATE_EPOCH", "1580601600")}
    try:
        done = subprocess.run(
            _command(folder, output), capture_output=True, text=True, timeout=BUILD_TIMEOUT_S, env=environment
        )
    except subprocess.TimeoutExpired:
        raise PrerequisiteError(f"building {name} in {folder} took more than {BUILD_TIMEOUT_S} s") from None
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-8:])
        raise PrerequisiteError(f"{name} is installed from {folder}, and building a wheel of it failed:\n{said}")


def _command(folder: Path, output: Path) -> list[str]:
    """pip where this environment has it, else uv; without build isolation where the build backend is installed here."""
    alone = ["--no-build-isolation"] if _backend_is_installed(folder) else []
    if importlib.util.find_spec("pip") is not None:
        pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps", *alone]
        return [*pip, "--wheel-dir", str(output), str(folder)]
    uv = shutil.which("uv")
    if uv is None:
        raise PrerequisiteError(
            f"{folder} has to be built into a wheel, and neither pip nor uv is here", fix="python -m ensurepip"
        )
    return [uv, "build", "--quiet", "--wheel", *alone, "--out-dir", str(output), str(folder)]


def _backend_is_installed(folder: Path) -> bool:
    import tomllib

    project = folder / "pyproject.toml"
    if not project.is_file():
        return False
    required = tomllib.loads(project.read_text(encoding="utf-8")).get("build-system", {}).get("requires", [])
    try:
        return bool(required) and all(
            Requirement(text).specifier.contains(metadata.version(Requirement(text).name)) for text in required
        )
    except metadata.PackageNotFoundError:
        return False
