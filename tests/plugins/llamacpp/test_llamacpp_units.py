"""The llamacpp plugin without a model: options, the reply's reader, the server process's failures."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import IO, Any

import pytest
from openai.types.chat import ChatCompletionChunk
from pydantic import ValidationError
from vivavoce_llamacpp import server_process
from vivavoce_llamacpp.chat import ReplyReader, written_call
from vivavoce_llamacpp.models import BY_NAME, model_path
from vivavoce_llamacpp.options import LlamaCppOptions
from vivavoce_llamacpp.server_process import ServerProcess

from vivavoce_api import (
    ConfigurationError,
    EngineError,
    EngineUnavailableError,
    TextDelta,
    ToolCall,
    ToolSpec,
    no_progress,
)

WEATHER = ToolSpec("weather", "Tell the weather", {"type": "object"})


def chunk(text: str | None, finish: str | None = None) -> ChatCompletionChunk:
    return ChatCompletionChunk.model_validate(
        {
            "id": "1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}],
        }
    )


def read(pieces: list[str], tools: list[ToolSpec]) -> tuple[list[str], list[Any]]:
    reader = ReplyReader(tools)
    texts = [reader.read(chunk(piece)) for piece in pieces]
    reader.read(chunk(None, "stop"))
    return [text for text in texts if text], list(reader.rest())


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "weather", "arguments": {"city": "Oslo"}}',
        '```json\n{"name": "weather", "arguments": {"city": "Oslo"}}\n```',
        '<tool_call>\n{"name": "weather", "arguments": {"city": "Oslo"}}\n</tool_call>',
        ' {"name": "weather", "arguments": {"city": "Oslo"}}\n{"name": "weather", "arguments": {}}',
    ],
)
def test_call_written_as_text_is_a_call_and_never_spoken(text: str) -> None:
    assert read(list(text), [WEATHER]) == ([], [ToolCall("call-0", "weather", '{"city": "Oslo"}')])


@pytest.mark.parametrize("text", ['{"name": "other"}', "{not json", "1]", "{}"])
def test_json_that_is_no_call_is_text(text: str) -> None:
    assert written_call(text, {"weather"}) is None


def test_other_text_is_not_held_back() -> None:
    assert read([" ", "<b>", "{"], [WEATHER]) == ([" <b>", "{"], [])
    assert read(["{", "}"], []) == (["{", "}"], [])
    assert read(["{", "}"], [WEATHER]) == ([], [TextDelta("{}")])


def test_reply_without_an_end_is_an_error() -> None:
    reader = ReplyReader()
    reader.read(chunk("Well"))
    with pytest.raises(EngineError, match="in the middle"):
        list(reader.rest())


@pytest.mark.parametrize("model", ["qwen3", "model.bin", ""])
def test_model_is_a_known_name_or_a_gguf(model: str) -> None:
    with pytest.raises(ValidationError, match=r"qwen2\.5-coder-0\.5b"):
        LlamaCppOptions(model=model)


def test_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no file"):
        model_path(str(tmp_path / "none.gguf"), no_progress)
    (tmp_path / "page.gguf").write_text("<html>")
    with pytest.raises(ConfigurationError, match="not a GGUF"):
        model_path(str(tmp_path / "page.gguf"), no_progress)


def test_extras_bring_exactly_the_weights() -> None:
    pyproject = Path(__file__).parents[3] / "plugins/llamacpp/pyproject.toml"
    extras = tomllib.loads(pyproject.read_text())["project"]["optional-dependencies"]
    for weights, extra in zip(BY_NAME.values(), ("weights", "weights-1-5b"), strict=True):
        named = {requirement.split("==")[0] for requirement in extras[extra]}
        assert named == {part.distribution for file in weights.files for part in file.parts}
        assert extra in weights.install


def test_server_that_can_not_start_says_why() -> None:
    process = ServerProcess({"no": "settings"}, start_timeout_s=30)
    with pytest.raises(EngineError, match=r"did not start: .*KeyError"):
        process.start()
    process.stop()
    with pytest.raises(EngineUnavailableError, match="stopped"):
        _ = process.address


def test_server_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned = []

    def spawn(log: IO[bytes]) -> subprocess.Popen[bytes]:
        sleeping = [sys.executable, "-c", "import time; time.sleep(60)"]
        spawned.append(subprocess.Popen(sleeping, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log))
        return spawned[-1]

    monkeypatch.setattr(server_process, "_spawn", spawn)
    process = ServerProcess({}, start_timeout_s=0)
    with pytest.raises(EngineError, match="start_timeout_s"):
        process.start()
    process.stop()
    assert spawned[0].returncode is not None
