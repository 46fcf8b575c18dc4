"""The control plane, and the real command line of Modal's that talks to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

if find_spec("vivavoce_modal") is None:  # its folder was deleted
    collect_ignore_glob = ["test_modal_*.py", "test_hook.py", "test_container_start.py"]
else:
    sys.path.insert(0, str(Path(__file__).parent))
    from control_plane import ControlPlane, serving
    from environments import wheels_of_checkout

ENGINES = """stt: {plugin: simulated, script: words.json}
llm: {plugin: vllm, base_url: "${VLLM_URL:-http://127.0.0.1:8001/v1}"}
tts: {plugin: simulated}
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Wheels of this checkout."""
    return wheels_of_checkout(tmp_path_factory.mktemp("wheels"))


@pytest.fixture
def plane() -> Iterator[ControlPlane]:
    with serving(ControlPlane(secrets={"vivavoce-vllm": {"VLLM_API_KEY"}})) as plane:
        yield plane


@pytest.fixture
def environment(plane: ControlPlane, tmp_path: Path) -> dict[str, str]:
    """Of a user who is logged in to Modal and has set nothing else."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MODAL_", "VLLM_", "VIVAVOCE_"))}
    return kept | {
        "MODAL_SERVER_URL": plane.url,
        "MODAL_TOKEN_ID": "ak-test",
        "MODAL_TOKEN_SECRET": "as-test",
        "MODAL_CONFIG_PATH": str(tmp_path / "modal.toml"),
        "NO_PROXY": "127.0.0.1",
        "COLUMNS": "200",
    }


@pytest.fixture
def modal(environment: dict[str, str]) -> Run:
    """Run `modal ...` to its end, in the folder of the checkout."""

    def run(*arguments: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "modal", *arguments]
        return subprocess.run(
            command, cwd=cwd, env=environment | variables, capture_output=True, text=True, timeout=240, check=False
        )

    return run


@pytest.fixture
def therapist(tmp_path: Path) -> Path:
    """A folder with `deploy/therapist.yaml`, and its agent with engines that are all installed, and a file."""
    (tmp_path / "deploy").mkdir()
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "words.json").write_text("[]")
    agent = (ROOT / "agents/therapist.yaml").read_text()
    head, _, rest = agent.partition("stt:")
    (tmp_path / "agents" / "therapist.yaml").write_text(head + ENGINES + rest[rest.index("\nturn:") :])
    for name in ("therapist.yaml", "vllm.yaml"):
        (tmp_path / "deploy" / name).write_text((ROOT / "deploy" / name).read_text())
    return tmp_path
