"""The address of an environment follows from what is in it; wheels hold what is installed here."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from importlib import metadata
from pathlib import Path

import pytest

from vivavoce.isolation.recipe import recipe_of
from vivavoce.isolation.uv import find_uv, pip_settings, uv_environ
from vivavoce.isolation.wheels import fingerprint, pack
from vivavoce_api import Entry, Isolation, PrerequisiteError, Requirements, WeightFile, Weights, WheelPart


@pytest.fixture
def entry(faulty, kit) -> Entry:
    return kit.entry(faulty.VOICE)


def changed(entry: Entry, **isolation) -> Entry:
    return replace(entry, offer=replace(entry.offer, isolation=Isolation(**isolation)))


def test_the_same_contents_have_the_same_address(entry):
    one = changed(entry, pip=("a", "b"), overrides=("c", "d"))
    other = changed(entry, pip=("b", "a"), overrides=("d", "c"))
    assert recipe_of(one).folder == recipe_of(other).folder


def test_other_contents_have_another_address(entry, site):
    def after_install(progress): ...

    variants = [
        changed(entry),
        changed(entry, pip=("torch==2.8",)),
        changed(entry, overrides=("torch==2.13",)),
        changed(entry, python="3.12"),
        changed(entry, after_install=after_install),
    ]
    digests = [recipe_of(variant).digest for variant in variants]
    record = site / "vivavoce_faulty-0.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("faulty_engine.py,,", "faulty_engine.py,sha256=abc,3"))
    digests.append(recipe_of(changed(entry)).digest)
    assert len(set(digests)) == len(digests)


def test_where_and_how_many_workers_run_changes_nothing(entry):
    assert recipe_of(changed(entry, streams_per_worker=1, start_s=5)) == recipe_of(changed(entry))


@pytest.mark.parametrize(
    ("carrier", "requirements"), [("vivavoce-faulty", ("vivavoce-faulty==0",)), ("no-such-distribution", ())]
)
def test_weights_that_are_installed_here_come_along(entry, carrier, requirements):
    file = WeightFile("song.bin", "", (WheelPart(carrier, "faulty_engine.py"),))
    needs = Requirements(weights=(Weights("song", "", "", "", (file,)),))
    recipe = recipe_of(replace(entry, offer=replace(entry.offer, requirements=needs)))
    assert recipe.requirements == requirements


def test_a_plugin_that_is_not_installed_is_told(entry):
    with pytest.raises(PrerequisiteError, match="vivavoce-absent is not installed"):
        recipe_of(replace(entry, distribution="vivavoce-absent"))


def test_a_wheel_holds_the_files_and_nothing_of_this_installation(faulty, site, tmp_path):
    wheel = pack(metadata.distribution("vivavoce-faulty"), tmp_path)
    assert wheel.name == "vivavoce_faulty-0-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        record = archive.read("vivavoce_faulty-0.dist-info/RECORD").decode()
        assert archive.read("faulty_engine.py") == (site / "faulty_engine.py").read_bytes()
    information = {"METADATA", "WHEEL", "entry_points.txt", "RECORD"}
    assert sorted(names) == sorted(["faulty_engine.py", *(f"vivavoce_faulty-0.dist-info/{n}" for n in information)])
    assert "faulty_engine.py,sha256=" in record
    assert record.endswith("vivavoce_faulty-0.dist-info/RECORD,,\n")


def test_an_editable_install_stays_one(tmp_path):
    """vivavoce-api here is editable, or it is a wheel: what is packed has the modules, or the way to them."""
    distribution = metadata.distribution("vivavoce-api")
    with zipfile.ZipFile(pack(distribution, tmp_path)) as archive:
        names = archive.namelist()
    assert any(name.endswith(".pth") for name in names) or "vivavoce_api/__init__.py" in names
    assert fingerprint(distribution) == fingerprint(metadata.distribution("vivavoce-api"))


def test_what_was_not_installed_from_a_wheel_is_refused(faulty, site, tmp_path):
    (site / "vivavoce_faulty-0.dist-info" / "RECORD").write_text("")
    with pytest.raises(PrerequisiteError, match="vivavoce-faulty was not installed from a wheel"):
        pack(metadata.distribution("vivavoce-faulty"), tmp_path)


LISTED = """\
:env:.find-links='/wheels /more'
global.extra-index-url='https://a.example/simple\\nhttps://b.example/simple'
global.find-links='/old'
global.index-url='https://index.example/simple'
install.cert='/cert.pem'
strange line
"""


def test_pip_settings_are_read_the_strongest_first():
    assert pip_settings(LISTED) == {
        "find-links": "/wheels /more",
        "extra-index-url": "https://a.example/simple\nhttps://b.example/simple",
        "index-url": "https://index.example/simple",
        "cert": "/cert.pem",
    }


def test_uv_is_told_what_pip_is_told(monkeypatch):
    monkeypatch.setattr("vivavoce.isolation.uv._pip_config_list", lambda: LISTED)
    environ = uv_environ({"PATH": "/bin", "UV_DEFAULT_INDEX": "https://own.example"})
    assert environ == {
        "PATH": "/bin",
        "NO_COLOR": "1",
        "UV_DEFAULT_INDEX": "https://own.example",
        "UV_INDEX": "https://a.example/simple https://b.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": "/wheels,/more",
        "SSL_CERT_FILE": "/cert.pem",
    }


def test_uv_is_found():
    assert Path(find_uv()).exists()
