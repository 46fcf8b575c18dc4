"""Tools in a conversation: they run once the turn is over, and the history keeps what they did."""

import asyncio

import pytest

from vivavoce.conversation.writing import Draft, write
from vivavoce_api import ErrorNotice, Message, ToolCall, ToolSpec
from vivavoce_api.testing import virtual_time_loop

ONE_TURN = (("silence", 400), ("voice", 1000), ("silence", 6000))


class Clock:
    spec = ToolSpec("clock", "Tells the time", {"type": "object", "properties": {}})

    def __init__(self, client_time):
        self.called_ms = []
        self.client_time = client_time

    async def call(self, arguments):
        self.called_ms.append(self.client_time())
        return "noon"

    async def close(self):
        pass


def test_tools_run_after_the_commit_and_their_results_are_remembered(stage, make_client):
    client = make_client(ONE_TURN)
    clock = Clock(client.now_ms)
    stage.tools = {"clock": clock}
    stage.detector.probabilities = [0.3]
    stage.llm.replies = [[ToolCall("1", "clock", "{}")], "It is noon."]
    stage.play(client=client)
    assert clock.called_ms
    assert clock.called_ms[0] >= client.times_final()[0]
    assert [role for role, _ in stage.said] == ["user", "assistant", "tool", "assistant"]
    assert stage.said[-1] == ("assistant", "It is noon.")


@pytest.mark.parametrize(("then", "said"), [([], ""), ([("today", 300)], "today")])
def test_what_a_tool_did_is_known_although_its_answer_was_talked_away(stage, make_client, then, said):
    clock = Clock(lambda: 0.0)
    stage.tools = {"clock": clock}
    stage.tts.first_chunk_ms = 1500
    stage.stt.turns = [[("time", 500)], then]
    stage.llm.replies = [[ToolCall("1", "clock", "{}")], "It is noon."]
    stage.play(("silence", 400), ("voice", 800), ("silence", 1000), ("voice", 400), ("silence", 6000))
    assert len(clock.called_ms) == 1
    questions = ["time"] + [said] * bool(said)
    assert [content for role, content in stage.said if role == "user"] == questions
    assert [m.role for m in stage.llm.asked[-1][1]] == ["system", "user", "assistant", "tool"] + ["user"] * bool(said)
    assert stage.said[2] == ("tool", "noon")


def test_a_tool_that_is_interrupted_leaves_a_history_that_a_server_takes():
    class Stuck(Clock):
        async def call(self, arguments):
            await asyncio.Event().wait()

    class Model:
        async def generate(self, messages, tools=()):
            for name in ("clock", "stuck"):
                yield ToolCall(name, name, "{}")

    async def interrupted():
        draft, committed = Draft(), asyncio.Event()
        committed.set()
        tools = {"clock": Clock(lambda: 0.0), "stuck": Stuck(lambda: 0.0)}
        writing = write(draft, Model(), [Message("user", "What time is it?")], tools, committed)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(writing), 1)
        return draft.asides

    with asyncio.Runner(loop_factory=virtual_time_loop) as runner:
        call, first, second = runner.run(interrupted())
    assert [one.id for one in call.tool_calls] == [first.tool_call_id, second.tool_call_id]
    assert first.content == "noon"
    assert "interrupted" in second.content


def test_a_tool_that_is_never_satisfied_is_an_error(stage):
    stage.llm.replies = [[ToolCall("1", "missing", "{}")]]
    client = stage.play(*ONE_TURN)
    assert "called tools" in client.of(ErrorNotice)[0].message
    assert len(stage.llm.asked) == 4
