"""What the READMEs claim: keys and defaults, plugins and options, commands, links, and the code that they show."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
import yaml
from pydantic import BaseModel

from vivavoce.builtin import WebSocketOptions
from vivavoce.cli.main import create_app
from vivavoce.definition import AgentDefinition, check_agent
from vivavoce.definition.agent import Limits, Turn
from vivavoce.definition.known import KNOWN_PLUGINS
from vivavoce_api import Catalog, Kind, SessionContext
from vivavoce_api.catalog import offers_of

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
MARKDOWN = sorted(path for depth in ("", "*/", "*/*/") for path in ROOT.glob(f"{depth}*.md") if "/." not in str(path))
PLUGIN_FOLDERS = sorted(path.parent for path in ROOT.glob("plugins/*/README.md"))


def blocks(language: str) -> list[str]:
    """The README's code in this language."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def row(section: str) -> str:
    """The line of the table of sections that is about `section`."""
    (line,) = (line for line in README.splitlines() if line.startswith("| `") and f"`{section}`" in line.split("|")[1])
    return line


def defaults_told(line: str) -> dict[str, Any]:
    """The `key: value` pairs in a line."""
    found: dict[str, Any] = {}
    for code in re.findall(r"`([^`]+)`", line):
        value = yaml.safe_load(code)
        found.update({k: v for k, v in value.items() if k != "plugin"} if isinstance(value, dict) else {})
    return found


def deleted_plugins() -> set[str]:
    """Folders of known plugins that are not here: whoever deletes a plugin may leave the README as it is."""
    packages = {package for names in KNOWN_PLUGINS.values() for package in names.values()}
    folders = {f"plugins/{package.removeprefix('vivavoce-')}" for package in packages}
    return {folder for folder in folders if not (ROOT / folder).exists()}


def test_the_first_agent_is_valid(tmp_path):
    path = tmp_path / "pirate.yaml"
    path.write_text(blocks("yaml")[0])
    report = check_agent(path, Catalog.installed(), {})
    assert report.problems == ()


def test_every_section_of_an_agent_is_told():
    told = re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in README.splitlines() if line.startswith("| `")))
    assert set(AgentDefinition.model_fields) <= set(told)


@pytest.mark.parametrize(
    ("section", "model"), [("turn", Turn), ("limits", Limits), ("transport", WebSocketOptions)], ids=lambda x: str(x)
)
def test_every_key_is_told_and_every_default_is_right(section: str, model: type[BaseModel]):
    line = row(section)
    for name in model.model_fields:
        assert re.search(rf"\b{name}\b", line), f"{section}.{name} is not in the README"
    for name, value in defaults_told(line).items():
        assert model.model_fields[name].default == value, f"{section}.{name}"


def test_every_installed_plugin_is_told():
    for entry in Catalog.installed():
        if entry.distribution.startswith("vivavoce-"):
            assert f"`{entry.offer.name}`" in README


@pytest.mark.parametrize("folder", PLUGIN_FOLDERS, ids=lambda folder: folder.name)
def test_every_option_of_a_plugin_is_told(folder: Path):
    readme = (folder / "README.md").read_text()
    for entry in Catalog.installed():
        if entry.distribution == f"vivavoce-{folder.name}":
            untold = [name for name in entry.offer.options.model_fields if not re.search(rf"\b{name}\b", readme)]
            assert untold == [], f"options of {entry.offer.kind.value} '{entry.offer.name}'"


def test_every_command_and_target_exists():
    commands = set(typer.main.get_group(create_app()).commands)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bvivavoce ([a-z-]+) (?:agents/|deploy/|AGENT|-o)", README)) <= commands
    assert set(re.findall(r"^(?:`)?make ([a-z-]+)", README, re.MULTILINE)) <= targets
    assert set(re.findall(r"`make ([a-z-]+)", README)) <= targets


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path: Path):
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        target, _, anchor = link.partition("#")
        if "://" in link or target in deleted_plugins():
            continue
        assert (path.parent / target).exists(), link
        if anchor:
            readme = (path.parent / target / "README.md").read_text()
            headings = re.findall(r"^#+ (.*)$", readme, re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings], link


def test_the_plugin_in_one_screen_speaks(monkeypatch):
    async def speak(clause, speed):
        yield bytes(2 * 2400)

    model: Any = ModuleType("my_tts.model")
    model.speak = speak
    monkeypatch.setitem(sys.modules, "my_tts", ModuleType("my_tts"))
    monkeypatch.setitem(sys.modules, "my_tts.model", model)
    plugin = ModuleType("my_tts.plugin")
    exec(blocks("python")[0], plugin.__dict__)
    (offer,) = offers_of(plugin, "my-tts")
    assert (offer.kind, offer.name) == (Kind.TEXT_TO_SPEECH, "my-tts")

    async def spoken():
        async def text():
            yield "Hello. "
            yield "Goodbye."

        session = await offer.load(offer.options(), None).open_session(SessionContext("one"))
        return [chunk.audio.duration_ms async for chunk in session.synthesize(text())]

    assert asyncio.run(spoken()) == [100, 100]
