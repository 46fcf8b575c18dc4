"""Which packages an image gets, and from where."""

from __future__ import annotations

import json
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from vivavoce.deployment.origins import FromIndex, FromWheel, origin_of
from vivavoce.deployment.software import _Collection
from vivavoce.deployment.wheels import wheel_of_folder
from vivavoce_api import PrerequisiteError

PROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "tiny-voice"
version = "1.0"
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path / "cache"))


class Installed(metadata.PathDistribution):
    """A distribution in a folder of the test's."""


def installed(folder: Path, direct_url: dict | None = None, **headers: str) -> metadata.Distribution:
    info = folder / "site/tiny_voice-1.0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    (info.parent / "tiny_voice.py").write_text("VOICE = 1\n")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-voice\nVersion: 1.0\n")
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py2-none-any\nTag: py3-none-any\n")
    (info / "RECORD").write_text(
        "tiny_voice.py,,\ntiny_voice-1.0.dist-info/METADATA,,\ntiny_voice-1.0.dist-info/WHEEL,,\n"
    )
    if direct_url is not None:
        (info / "direct_url.json").write_text(json.dumps(direct_url))
    return metadata.PathDistribution(info)


def test_what_came_from_an_index_comes_from_there_again(tmp_path):
    assert origin_of(installed(tmp_path)) == FromIndex()


def test_what_came_from_a_repository_comes_from_that_commit(tmp_path):
    direct = {"url": "https://git.test/voice", "vcs_info": {"vcs": "git", "commit_id": "abc"}}
    assert origin_of(installed(tmp_path, direct)) == FromIndex("git+https://git.test/voice@abc")


def test_what_came_from_a_file_travels_as_it_is_installed_whatever_became_of_the_file(tmp_path):
    direct = {"url": "file:///gone/tiny_voice-1.0-py2.py3-none-any.whl", "archive_info": {}}
    found = installed(tmp_path, direct)
    origin = origin_of(found)
    assert isinstance(origin, FromWheel)
    assert origin.path.name == "tiny_voice-1.0-py2.py3-none-any.whl"
    assert "tiny_voice.py" in zipfile.ZipFile(origin.path).namelist()
    assert origin_of(found) == origin


def test_a_folder_of_wheels_goes_first(tmp_path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / "tiny_voice-2.0-py3-none-any.whl").touch()
    assert origin_of(installed(tmp_path), wheels) == FromIndex()
    (wheels / "tiny_voice-1.0-py3-none-any.whl").touch()
    assert origin_of(installed(tmp_path), wheels) == FromWheel(wheels / "tiny_voice-1.0-py3-none-any.whl")


def test_an_editable_install_whose_folder_is_gone_says_so(tmp_path):
    direct = {"url": "file:///gone/voice", "dir_info": {"editable": True}}
    with pytest.raises(PrerequisiteError, match="/gone/voice, which is gone"):
        origin_of(installed(tmp_path, direct))


@pytest.mark.slow
def test_a_folder_is_built_once_for_each_state_of_it(tmp_path):
    source = tmp_path / "source"
    (source / "tiny_voice").mkdir(parents=True)
    (source / "tiny_voice/__init__.py").write_text("VOICE = 1\n")
    (source / "pyproject.toml").write_text(PROJECT)
    first = wheel_of_folder(source, "tiny-voice")
    changed_ns = first.stat().st_mtime_ns
    (source / ".hidden").write_text("no matter")
    assert wheel_of_folder(source, "tiny-voice") == first
    assert first.stat().st_mtime_ns == changed_ns
    (source / "tiny_voice/__init__.py").write_text("VOICE = 2\n")
    second = wheel_of_folder(source, "tiny-voice")
    assert second != first
    assert b"VOICE = 2" in zipfile.ZipFile(second).read("tiny_voice/__init__.py")
    (source / "pyproject.toml").write_text("[build-system]\nrequires = ['hatchling']\nbuild-backend = 'none.such'\n")
    with pytest.raises(PrerequisiteError, match=r"building a wheel of it failed"):
        wheel_of_folder(source, "tiny-voice")


def test_requirements_are_pinned_as_they_are_installed_with_all_they_need():
    collection = _Collection(None)
    collection.add_all(["uvicorn", "modal", "no-such-package>=2; python_version > '3'"])
    software = collection.software(apt=["b", "a"])
    assert f"uvicorn=={metadata.version('uvicorn')}" in software.requirements
    assert f"h11=={metadata.version('h11')}" in software.requirements
    assert "no-such-package>=2" in software.requirements
    assert not any(requirement.startswith(("modal", "colorama")) for requirement in software.requirements)
    assert software.apt == ("a", "b")
