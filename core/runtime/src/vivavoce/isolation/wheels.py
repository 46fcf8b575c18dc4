"""Wheels of what is installed here, so that a worker's environment gets exactly that.

Our own distributions may be on no index, so they travel as they are installed: of an installed wheel, its files; of an
editable install, the `.pth` file that points to the source, which the new environment then shares. Nothing is built.
The formats are "Recording installed projects" and "Binary distribution format" of packaging.python.org.
"""

from __future__ import annotations

import base64
import hashlib
import re
import zipfile
from importlib import metadata
from pathlib import Path

from vivavoce_api import PrerequisiteError

OF_THIS_INSTALLATION = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
"""Files beside the metadata that tell about this installation, and are no part of a wheel."""


def installed(name: str) -> metadata.Distribution:
    """A distribution that is installed here. Raises `PrerequisiteError`."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        raise PrerequisiteError(f"{name} is not installed", fix=f"pip install {name}") from None


def fingerprint(distribution: metadata.Distribution) -> str:
    """Changes when what `pack` would pack does: a digest of the list of files, which has a digest of each."""
    return hashlib.sha256("\n".join(sorted(map(_entry, _files(distribution)))).encode()).hexdigest()


def pack(distribution: metadata.Distribution, folder: Path) -> Path:
    """Write the wheel of an installed distribution into `folder`; returns its path. Raises `PrerequisiteError`."""
    name = re.sub(r"[-_.]+", "_", distribution.metadata["Name"])
    wheel = folder / f"{name}-{distribution.version}-{_tag(distribution)}.whl"
    record, record_name = [], ""
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in _files(distribution):
            content = Path(str(file.locate())).read_bytes()
            archive.writestr(file.as_posix(), content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
            record.append(f"{file.as_posix()},sha256={digest},{len(content)}")
            if file.name == "METADATA":
                record_name = file.with_name("RECORD").as_posix()
        archive.writestr(record_name, "\n".join([*record, f"{record_name},,", ""]))
    return wheel


def _files(distribution: metadata.Distribution) -> list[metadata.PackagePath]:
    """Its files in site-packages, less what tells about this installation and what Python compiled."""
    files = [
        file
        for file in distribution.files or []
        if ".." not in file.parts and "__pycache__" not in file.parts and not _tells_of_this_installation(file)
    ]
    if not any(file.name == "METADATA" for file in files):
        name = distribution.metadata["Name"]
        raise PrerequisiteError(f"{name} was not installed from a wheel", fix=f"pip install --force-reinstall {name}")
    return files


def _tells_of_this_installation(file: metadata.PackagePath) -> bool:
    return file.parent.name.endswith(".dist-info") and file.name in OF_THIS_INSTALLATION


def _entry(file: metadata.PackagePath) -> str:
    return f"{file.as_posix()} {file.hash.value if file.hash else ''}"


def _tag(distribution: metadata.Distribution) -> str:
    """All that it was built for, as a wheel's name has it: `py2.py3-none-any`."""
    lines = (distribution.read_text("WHEEL") or "").splitlines()
    tags = [line.removeprefix("Tag:").strip().split("-") for line in lines if line.startswith("Tag:")]
    return "-".join(".".join(sorted(set(part))) for part in zip(*tags, strict=True)) or "py3-none-any"
