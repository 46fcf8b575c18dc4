"""The control plane, and the real command line of Modal's that talks to it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytest.importorskip("modal", reason="needs vivavoce-modal")
sys.path.insert(0, str(Path(__file__).parent))

from control_plane import ControlPlane, serving  # noqa: E402

Run = Callable[..., subprocess.CompletedProcess[str]]


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
