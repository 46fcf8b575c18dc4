"""An agent in its process."""

import asyncio
import gc

import pytest

from vivavoce.agent import Agent
from vivavoce.definition import load_agent
from vivavoce_api import Catalog

AGENT = """
name: quiet
instructions: Be kind.
stt: {plugin: simulated}
llm: {plugin: simulated, reply: "I see."}
tts: {plugin: simulated}
turn_detector: null
"""


@pytest.fixture
def agent(tmp_path):
    path = tmp_path / "quiet.yaml"
    path.write_text(AGENT)
    return Agent(load_agent(path, Catalog.installed()))


def test_what_is_loaded_is_not_looked_through_by_the_garbage_collector_until_it_is_closed(agent):
    async def live() -> None:
        gc.unfreeze()
        await agent.load()
        assert gc.get_freeze_count() > 10_000, "all that this process holds by now"
        await agent.close()

    asyncio.run(live())
    assert gc.get_freeze_count() == 0


def test_closing_an_agent_that_was_not_loaded_leaves_the_collector_alone(agent):
    gc.freeze()
    asyncio.run(agent.close())
    assert gc.get_freeze_count() > 0
    gc.unfreeze()
