"""`vivavoce new plugin` writes a package that works as it stands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import get_args

import pytest
from typer.testing import CliRunner

from vivavoce.cli.main import create_app
from vivavoce.cli.new import TestableKind
from vivavoce.cli.scaffold import BLUEPRINTS, write_plugin
from vivavoce_api import ConfigurationError, Kind

KINDS = list(BLUEPRINTS)
STEPS_TIMEOUT_S = 280
LIST_PLUGINS = "import sys; from vivavoce.cli.main import main; sys.argv[1:] = ['plugins', '--json']; main()"


def invoke(*arguments: object):
    return CliRunner().invoke(create_app(), [str(argument) for argument in arguments])


def test_it_tells_what_to_do_next(tmp_path):
    result = invoke("new", "plugin", "my-voice", "--folder", tmp_path)
    folder = tmp_path / "vivavoce-my-voice"
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"{folder}/src/vivavoce_my_voice/engine.py" in result.stdout
    assert "tts: {plugin: my-voice}" in result.stdout
    assert (folder / "src/vivavoce_my_voice/engine.py").is_file()


def test_the_kinds_that_can_be_chosen_are_those_with_a_template():
    assert set(get_args(TestableKind)) == {kind.value for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_everything_is_filled_in_and_is_python(tmp_path, kind):
    folder = write_plugin("two-words2", kind, tmp_path)
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".py", ".toml", ".md"}
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert "$" not in text
        assert all(len(line) <= 120 for line in text.splitlines()), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    assert "class TwoWords2:" in (folder / "src/vivavoce_two_words2/engine.py").read_text()


def test_a_name_with_our_prefix_is_the_same_name(tmp_path):
    assert write_plugin("vivavoce-thing", Kind.TEXT_TO_SPEECH, tmp_path).name == "vivavoce-thing"


@pytest.mark.parametrize(
    "name", ["", "My", "my_voice", "9lives", "a--b", "-a", "a-", "a/b", "..", "é", "a" * 41, "a\n"]
)
def test_what_can_be_no_name_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="can't be a plugin's name"):
        write_plugin(name, Kind.TEXT_TO_SPEECH, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="there is a text-to-speech plugin 'rime' already: vivavoce-rime"):
        write_plugin("rime", Kind.TEXT_TO_SPEECH, tmp_path)
    assert write_plugin("rime", Kind.LANGUAGE_MODEL, tmp_path).is_dir()


def test_what_is_there_is_never_touched(tmp_path):
    folder = write_plugin("mine", Kind.TEXT_TO_SPEECH, tmp_path)
    engine = folder / "src/vivavoce_mine/engine.py"
    engine.write_text("# my work")
    result = invoke("new", "plugin", "mine", "--folder", tmp_path)
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert engine.read_text() == "# my work"


def run(*command: object, cwd: Path) -> str:
    """Standard output of a command that must succeed."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "PYTHON"))},
        capture_output=True,
        text=True,
        timeout=STEPS_TIMEOUT_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_every_kind_installs_and_passes_the_conformance_kit_in_a_fresh_environment(tmp_path):
    folders = [write_plugin(f"fresh-{kind.value.replace('_', '-')}", kind, tmp_path) for kind in KINDS]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    local = ["--no-deps", "--no-index", "--quiet"]
    run(*pip, "wheel", *local, "--no-build-isolation", "--wheel-dir", tmp_path / "wheels", *folders, cwd=tmp_path)
    venv.create(tmp_path / "venv", symlinks=True)
    python = tmp_path / "venv/bin/python"
    run(*pip, "--python", python, "install", *local, *(tmp_path / "wheels").glob("*.whl"), cwd=tmp_path)
    (site_packages,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    ours = next(path for path in sys.path if path.endswith("site-packages"))  # the dependencies come from here
    (site_packages / "dependencies.pth").write_text(f"import site; site.addsitedir({ours!r})\n")

    listed = json.loads(run(python, "-c", LIST_PLUGINS, cwd=tmp_path))["plugins"]
    assert {(one["kind"], one["name"]) for one in listed if one["name"].startswith("fresh-")} == {
        (kind.value, f"fresh-{kind.value.replace('_', '-')}") for kind in KINDS
    }
    for folder in folders:
        told = run(python, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", cwd=folder)
        assert " passed" in told
        assert "failed" not in told
