"""Plugins are found through their entry points alone."""

import types
from pathlib import Path
from typing import Any

import pytest

from vivavoce_api import Catalog, Kind, Offer, Options, PluginError, hookimpl, no_progress
from vivavoce_api.catalog import HOOK_OF_KIND, offers_of


class NoOptions(Options):
    pass


def offer(name: str, kind: Kind = Kind.TEXT_TO_SPEECH) -> Offer:
    return Offer(kind, name, f"The {name} voice", NoOptions, lambda options, progress: name)


def plugin(**hooks: Any) -> types.SimpleNamespace:
    return types.SimpleNamespace(**{name: hookimpl(lambda result=result: result) for name, result in hooks.items()})


def install(folder: Path, distribution: str, code: str) -> None:
    module = distribution.replace("-", "_")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[vivavoce]\n{module} = {module}\n")
    (folder / f"{module}.py").write_text(code)


GOOD = """
from vivavoce_api import Kind, Offer, Options, hookimpl
@hookimpl
def vivavoce_text_to_speech():
    return [Offer(Kind.TEXT_TO_SPEECH, "made-up-voice", "A voice", Options, lambda options, progress: None)]
"""


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_installed_plugins_are_found_by_entry_point(site: Path) -> None:
    install(site, "catalog-good", GOOD)
    entry = Catalog.installed().get(Kind.TEXT_TO_SPEECH, "made-up-voice")
    assert entry is not None
    assert (entry.distribution, entry.version) == ("catalog-good", "1.0")
    assert Catalog.installed().get(Kind.LANGUAGE_MODEL, "made-up-voice") is None


def test_a_broken_plugin_is_reported_and_harms_no_other(site: Path) -> None:
    install(site, "catalog-broken", "raise RuntimeError('boom')")
    install(site, "catalog-other", GOOD)
    catalog = Catalog.installed()
    assert [(b.distribution, b.reason) for b in catalog.broken if b.distribution == "catalog-broken"] == [
        ("catalog-broken", "RuntimeError: boom")
    ]
    assert catalog.get(Kind.TEXT_TO_SPEECH, "made-up-voice")


def test_two_plugins_with_one_name_are_reported(site: Path) -> None:
    install(site, "catalog-first", GOOD)
    install(site, "catalog-second", GOOD)
    catalog = Catalog.installed()
    reasons = [broken.reason for broken in catalog.broken]
    assert any("both catalog-" in reason and "offer tts 'made-up-voice'" in reason for reason in reasons)
    assert catalog.get(Kind.TEXT_TO_SPEECH, "made-up-voice")


def test_a_hook_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(PluginError, match="does not have"):
        list(offers_of(plugin(vivavoce_text_to_speach=[]), "misspelt"))


@pytest.mark.parametrize("result", [[offer("x", Kind.LANGUAGE_MODEL)], ["not an offer"]])
def test_a_hook_returns_offers_of_its_kind(result: list[Any]) -> None:
    with pytest.raises(PluginError, match="must return offers of kind tts"):
        list(offers_of(plugin(vivavoce_text_to_speech=result), "wrong"))


def test_every_kind_has_a_hook() -> None:
    assert set(HOOK_OF_KIND) == set(Kind)
    for kind, hook in HOOK_OF_KIND.items():
        assert [found.kind for found in offers_of(plugin(**{hook: [offer("x", kind)]}), "any")] == [kind]


def test_a_catalog_of_ones_own_is_sorted_by_kind_and_name() -> None:
    catalog = Catalog.of([offer("b"), offer("a"), offer("c", Kind.SPEECH_TO_TEXT)])
    assert [entry.offer.name for entry in catalog] == ["c", "a", "b"]
    assert catalog.entries[Kind.TEXT_TO_SPEECH, "a"].offer.load(NoOptions(), no_progress) == "a"
