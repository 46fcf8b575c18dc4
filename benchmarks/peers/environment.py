"""An environment of its own for each framework, under `.envs/`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SOURCES = [ROOT, ROOT / "core/api/src", ROOT / "core/runtime/src", ROOT / "plugins/simulated/src"]
"""Of vivavoce, peers need the wire and the simulated engines: they are imported from the tree, not installed."""


def requirements(family: str) -> Path:
    """The exact versions of a family."""
    return HERE / "requirements" / f"{family}.txt"


def python_of(family: str) -> Path:
    """The interpreter of a family's environment, which is built first where it is missing or outdated.

    Blocks, minutes the first time. Raises `subprocess.CalledProcessError`.
    """
    folder = HERE / ".envs" / family
    python, stamp = folder / "bin" / "python", folder / "requirements.sha256"
    digest = hashlib.sha256(requirements(family).read_bytes()).hexdigest()
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print(f"building the environment of {family}", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    pip = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    subprocess.run([*pip, "--no-deps", "-r", requirements(family)], check=True)
    stamp.write_text(digest)
    return python


def versions(family: str) -> dict[str, str]:
    """Package versions of a family, as pinned."""
    lines = requirements(family).read_text().splitlines()
    pins = [line.split("==") for line in lines if "==" in line and not line.startswith("#")]
    return {name.strip(): version.split()[0] for name, version in pins}
