"""Where an installed package came from, so that an image can have it from there too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import unquote, urlsplit

from packaging.utils import canonicalize_name, parse_wheel_filename

from vivavoce.deployment.wheels import packed_wheel, wheel_of_folder
from vivavoce_api import PrerequisiteError


@dataclass(frozen=True, slots=True)
class FromIndex:
    """From a package index; or from `url`, a URL or a repository that pip understands, at one commit."""

    url: str | None = None


@dataclass(frozen=True, slots=True)
class FromWheel:
    """From a file of this machine."""

    path: Path


def origin_of(found: metadata.Distribution, wheels: Path | None = None) -> FromIndex | FromWheel:
    """Where `found` came from, as its `direct_url.json` says (PEP 610).

    What came from this machine travels as it is installed, as a wheel; of an editable install, the folder is built.
    A wheel of it in the folder `wheels` goes first. Blocks. Raises `PrerequisiteError`.
    """
    name = found.metadata["Name"]
    if wheels is not None and (path := _wheel_in(wheels, name, found.version)) is not None:
        return FromWheel(path)
    text = found.read_text("direct_url.json")
    if text is None:
        return FromIndex()
    direct = json.loads(text)
    url = direct["url"]
    if "vcs_info" in direct:
        return FromIndex(f"{direct['vcs_info']['vcs']}+{url}@{direct['vcs_info']['commit_id']}")
    if not url.startswith("file:"):
        return FromIndex(url)
    if not direct.get("dir_info", {}).get("editable"):
        return FromWheel(packed_wheel(found))
    folder = Path(unquote(urlsplit(url).path))
    if not folder.is_dir():
        raise PrerequisiteError(f"{name} was installed from {folder}, which is gone", fix=f"pip install {name}")
    return FromWheel(wheel_of_folder(folder, name))


def _wheel_in(folder: Path, name: str, version: str) -> Path | None:
    for path in sorted(folder.glob("*.whl")):
        found, number, _, _ = parse_wheel_filename(path.name)
        if found == canonicalize_name(name) and str(number) == version:
            return path.absolute()
    return None
