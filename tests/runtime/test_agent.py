"""An agent in its process."""

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest

from vivavoce.agent import Agent
from vivavoce.definition import load_agent
from vivavoce_api import Catalog, EngineBusyError
from vivavoce_api.testing import virtual_time_loop

AGENT = """
name: quiet
instructions: Be kind.
stt: {plugin: simulated}
llm: {plugin: simulated, reply: "I see."}
tts: {plugin: simulated}
turn_detector: null
limits: {max_sessions: 1}
"""


class Caller:
    """Says nothing, and is on the line until `leave`."""

    def __init__(self) -> None:
        self._gone = asyncio.Event()

    def leave(self) -> None:
        self._gone.set()

    async def incoming(self) -> AsyncIterator[Any]:
        await self._gone.wait()
        return
        yield

    async def send(self, item: Any) -> None:
        pass


def on_virtual_time(life: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        runner.run(life)


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


def test_a_caller_who_comes_while_the_last_place_is_being_given_up_is_let_in(agent):
    async def live() -> None:
        await agent.load()
        first, second = Caller(), Caller()
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.converse(first, {}))
            await asyncio.sleep(5)
            waiting = group.create_task(agent.converse(second, {}))
            await asyncio.sleep(0.5)
            assert agent.tally.sessions == 1
            first.leave()
            await asyncio.sleep(0.1)
            assert (agent.tally.sessions, agent.status()["sessions"]["active"], waiting.done()) == (2, 1, False)
            second.leave()
        assert agent.status()["sessions"]["active"] == 0
        await agent.close()

    on_virtual_time(live())


def test_a_full_agent_says_so_after_a_second_and_forgets_who_asked(agent):
    async def live() -> None:
        await agent.load()
        first, third = Caller(), Caller()
        async with asyncio.TaskGroup() as group:
            group.create_task(agent.converse(first, {}))
            await asyncio.sleep(5)
            asked_at = asyncio.get_running_loop().time()
            with pytest.raises(EngineBusyError, match=r"all places \(1\) are taken"):
                await agent.converse(Caller(), {})
            assert asyncio.get_running_loop().time() - asked_at == pytest.approx(1.0)
            first.leave()
            await asyncio.sleep(0.1)
            group.create_task(agent.converse(third, {}))
            await asyncio.sleep(0.1)
            assert (agent.tally.sessions, agent.status()["sessions"]["active"]) == (2, 1)
            third.leave()
        await agent.close()

    on_virtual_time(live())
