"""The Containerfile's own commands, run without a container engine: what it resolves, installs and prepares.

Where there is one: `podman build -t vivavoce . && podman run --rm -p 8000:8000 vivavoce`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from vivavoce.isolation.uv import find_uv, uv_environ

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Containerfile").read_text()
PLUGINS = ("whisper", "openvino", "hibari", "pipecat", "prosody")


def commands(stage: str) -> str:
    """The shell commands of a stage."""
    found = re.search(rf"^FROM \S+ AS {stage}\n(.*?)(?=^FROM )", TEXT, re.MULTILINE | re.DOTALL)
    assert found is not None
    return "\n".join(re.findall(r"^RUN (.*?)$", found[1].replace("\\\n", ""), re.MULTILINE))


@pytest.fixture
def run(tmp_path: Path):
    """Run a stage's commands in a copy of the sources, with the container's folders in the test's."""
    if missing := [name for name in PLUGINS if not (ROOT / "plugins" / name).exists()]:
        pytest.skip(f"needs the folders of {', '.join(missing)}: git checkout -- plugins")
    source = tmp_path / "source"
    source.mkdir()
    for name in ("core", "plugins"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "requirements.txt", source)
    path = f"{Path(find_uv()).parent}:{os.environ['PATH']}"
    variables = uv_environ(os.environ) | {"PLUGINS": " ".join(PLUGINS), "PATH": path}
    variables |= {"UV_PYTHON": sys.executable}

    def run(stage: str) -> None:
        text = re.sub(r"(?<![\w.])/(?=(?:constraints|ours|all|others)\b|opt/)", f"{tmp_path}/", commands(stage))
        subprocess.run(["bash", "-euc", text], cwd=source, env=variables, check=True)

    return run


def test_packages_of_others_are_pinned_as_in_the_lock_and_ours_are_installed_alone(run, tmp_path):
    run("resolved")
    others = (tmp_path / "others.txt").read_text().splitlines()
    locked = set(re.findall(r"^[A-Za-z0-9_.-]+==[^ \\]+", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert {line.split(" ")[0] for line in others} <= locked
    assert any(line.startswith("faster-whisper==") for line in others)
    assert not any("vivavoce" in line or "/" in line for line in others)

    run("ours")
    path = f"{tmp_path}/opt/ours:{sysconfig.get_path('purelib')}"
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": path, "VIVAVOCE_CACHE": str(tmp_path / "cache")}
    python = Path(sysconfig.get_config_var("BINDIR"), f"python3.{sys.version_info[1]}")
    command = [python, "-m", "vivavoce.deployment.preparation", ROOT / "agents/quickstart.yaml", tmp_path / "engines"]
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "engines/quickstart.prepare.yaml").is_file()
