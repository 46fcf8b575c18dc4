"""A real environment, built by uv from this machine's packages and an index, and an engine in it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import psutil
import pytest

from vivavoce.isolation import load_isolated, prepare_isolated
from vivavoce.isolation.recipe import recipe_of
from vivavoce_api import EngineUnavailableError, no_progress

pytestmark = pytest.mark.slow


def test_an_engine_in_an_environment_of_its_own(faulty, kit, tmp_path, monkeypatch):
    monkeypatch.setenv("VIVAVOCE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FAULTY_PREPARED", str(tmp_path / "prepared"))
    isolation = replace(faulty.HOUSED.isolation, pip=("colorama==0.4.6",))
    entry = kit.entry(replace(faulty.HOUSED, isolation=isolation))
    folder = recipe_of(entry).folder
    steps: list[str] = []

    def progress(step, done=0, total=None):
        steps.append(step)

    async def prepare() -> list[str]:
        steps.clear()
        await prepare_isolated(entry, faulty.FaultyOptions(), "environment", progress)
        return [step for step in steps if step.startswith(("building", "oiling"))]

    async def scenario():
        assert await prepare() == ["building its environment (there is none yet)", "oiling the new environment"]
        assert (folder / "oiled").exists()
        assert (tmp_path / "prepared").read_text() == f"prepared by {folder}\n"
        assert await prepare() == []
        (colours,) = folder.glob("lib/*/site-packages/colorama/ansi.py")
        colours.unlink()
        assert (await prepare())[0] == "building its environment (1 of its files are missing or changed)"
        assert colours.exists()
        engine = await load_isolated(entry, faulty.FaultyOptions(), "environment", no_progress, kit.quick)
        try:
            session = await kit.session(engine)
            worker, _ = await kit.who(session)
            process = psutil.Process(worker)
            assert process.cmdline()[0] == str(folder / "bin" / "python")
            assert process.environ()["FAULTY_VARIABLE"] == "1"
            assert await kit.say(session, "one", "two") == ["one", "two"]
        finally:
            await engine.close()
        (package,) = folder.glob("lib/*/site-packages/pydantic/__init__.py")
        broken = package.read_text().replace("import", "imqort", 1)  # of the same length, so that nobody notices
        package.unlink()  # uv's cache shares the file
        package.write_text(broken)
        with pytest.raises(EngineUnavailableError, match="ended before it was ready") as caught:
            await load_isolated(entry, faulty.FaultyOptions(), "environment", no_progress, kit.quick)
        assert "imqortlib" in caught.value.message
        assert caught.value.fix == "vivavoce prepare --rebuild AGENT.yaml"

    asyncio.run(scenario())
