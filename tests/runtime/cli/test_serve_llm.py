"""`vivavoce serve-llm`: what it prints, what it runs, and how it ends."""

from __future__ import annotations

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from vivavoce.cli.main import create_app
from vivavoce.cli.model_server import run_server
from vivavoce.cli.serve_llm import parse_beside
from vivavoce_api import Catalog, ConfigurationError, EngineError, Isolation, Kind, Offer, Options
from vivavoce_api.deployment import ModelService

ROOT = Path(__file__).parents[3]


class ServedOptions(Options):
    model: str = "small"
    program: str = "serve-it"
    api_key_env: str = "MY_KEY"
    has: str = "small"

    def model_service(self, gpu: str | None = None, *, beside: Any = None, host: str = "0.0.0.0") -> ModelService:
        words = (self.program, self.model, str(gpu), ",".join(f"{k}:{v}" for k, v in (beside or {}).items()), host)
        return ModelService(self.model, words, 4321, ("server==1",), api_key_variable="SERVER_KEY")

    async def wait_for_server(self, url: str | None = None, *, within_s: float) -> str:
        if self.has == "nothing":
            await asyncio.Event().wait()
        if self.has != self.model:
            raise EngineError(f"{url} has no model '{self.model}'; it has '{self.has}'.")
        return self.has


def _offer(kind: Kind, name: str, options: type[Options] = Options, isolation: Isolation | None = None) -> Offer:
    def load(options: Any, progress: Any) -> None:
        raise AssertionError("nothing is loaded here")

    return Offer(kind, name, name, options, load, isolation=isolation or Isolation())


@pytest.fixture
def catalog(monkeypatch: pytest.MonkeyPatch) -> Catalog:
    pool = Isolation(default="process", workers=lambda options: 3)
    catalog = Catalog.of(
        [
            _offer(Kind.LANGUAGE_MODEL, "served", ServedOptions),
            _offer(Kind.LANGUAGE_MODEL, "embedded"),
            _offer(Kind.SPEECH_TO_TEXT, "listen"),
            _offer(Kind.TEXT_TO_SPEECH, "sing", isolation=pool),
        ]
    )
    monkeypatch.setattr(Catalog, "installed", classmethod(lambda cls: catalog))
    return catalog


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str, name: str = "agent.yaml") -> Path:
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


AGENT = "stt: {plugin: listen}\nllm: {plugin: served}\ntts: {plugin: sing}\n"


def vivavoce(*arguments: str) -> Any:
    return CliRunner().invoke(create_app(), ["serve-llm", *arguments])


def printed(*arguments: str) -> list[str]:
    result = vivavoce(*arguments)
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    return shlex.split(line)


@pytest.mark.usefixtures("catalog")
def test_command_alone_is_on_standard_output(write: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SERVER_KEY", raising=False)
    result = vivavoce(str(write(AGENT)), "--gpu", "A100")
    assert result.stdout == "serve-it small A100 listen:1,sing:3 127.0.0.1\n"
    assert "needs: pip install server==1" in result.stderr
    assert "SERVER_KEY is not set: everybody" in result.stderr


@pytest.mark.usefixtures("catalog")
def test_what_shares_the_card_is_the_agents_or_as_told(write: Any) -> None:
    agent = write("llm: {plugin: served}\ntts: [{plugin: voxtream, voice: a.wav}, {plugin: sing}]\n")
    assert printed(str(agent))[3] == "voxtream:1,sing:1", "a plugin that is not installed here counts too"
    assert printed(str(agent), "--beside", "none")[3] == ""
    assert printed(str(agent), "--beside", "whisper,voxtream:4")[3] == "whisper:1,voxtream:4"
    assert printed(str(agent), "--host", "0.0.0.0")[4] == "0.0.0.0"


@pytest.mark.parametrize(
    "text", ["", "nobody", "whisper:", "whisper:0", "voxtream:99", "whisper,,voxtream", "whisper:x"]
)
def test_beside_must_name_plugins(text: str) -> None:
    if text == "whisper:":
        assert parse_beside(text) == {"whisper": 1}
        return
    with pytest.raises(ConfigurationError, match="--beside"):
        parse_beside(text)


@pytest.mark.usefixtures("catalog")
def test_deployments_name_the_card(write: Any) -> None:
    target = "target: {plugin: modal, gpu: [H100, A100], no_such: 1}\n"
    models = write(f"model_server: {{plugin: served, model: big}}\n{target}", "models.yaml")
    assert printed(str(models)) == ["serve-it", "big", "H100", "", "127.0.0.1"]
    assert printed(str(models), "--gpu", "L4")[2] == "L4"
    write(AGENT)
    agent = write("agent: agent.yaml\ntarget: {plugin: modal, gpu: A100}\n", "deployment.yaml")
    assert printed(str(agent))[1:4] == ["small", "A100", "listen:1,sing:3"]


@pytest.mark.usefixtures("catalog")
def test_first_of_a_list_that_can_be_run_is_run(write: Any) -> None:
    agent = write("llm: [{plugin: embedded}, {plugin: served, model: second}]\n")
    assert printed(str(agent))[1] == "second"


@pytest.mark.usefixtures("catalog")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("llm: {plugin: embedded}\n", "llm.plugin: 'embedded' has no server of its own"),
        ("llm: {plugin: served, modle: x}\n", "modle"),
        ("llm: {plugin: vllm}\n", "'vllm' is not installed"),
        ("llm: 3\n", "must be keys and values"),
        ("name: x\n", "is no agent"),
        ("agent: missing.yaml\n", "there is no such file"),
        ("model_server: {plugin: served, model: '${NO_SUCH_VARIABLE}'}\n", "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_is_wrong_with_the_file_is_told(write: Any, text: str, words: str) -> None:
    result = vivavoce(str(write(text)))
    assert result.exit_code == 1
    assert words in " ".join(result.stderr.split())
    assert result.stdout == ""


@pytest.mark.usefixtures("catalog")
def test_check_asks_the_server_that_runs(write: Any) -> None:
    assert vivavoce(str(write("llm: {plugin: served}\n")), "--check").stdout == "ready: small\n"
    result = vivavoce(str(write("llm: {plugin: served, has: large}\n")), "--check")
    assert result.exit_code == 1
    assert "has no model 'small'; it has 'large'" in result.stderr


@pytest.mark.usefixtures("catalog")
def test_program_that_is_missing_is_named_with_its_installation(write: Any) -> None:
    result = vivavoce(str(write("llm: {plugin: served, program: no-such-server}\n")), "--run")
    assert result.exit_code == 1
    assert "there is no program 'no-such-server' here" in result.stderr
    assert "pip install server==1" in result.stderr


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A program `serve-it` of this body, which finds `report`, the file to write to, among its names."""

    def make(body: str) -> Path:
        report, path = tmp_path / "report", tmp_path / "bin" / "serve-it"
        path.parent.mkdir(exist_ok=True)
        report.touch()
        path.write_text(f"#!{sys.executable}\nimport os, sys, time\nreport = open({str(report)!r}, 'w')\n{body}\n")
        path.chmod(0o755)
        monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
        return report

    return make


SERVES = "print(os.getpid(), *sys.argv[1:3], os.environ.get('SERVER_KEY'), file=report, flush=True)\ntime.sleep(3600)"


def start(ready: Callable[[str, str], None] = lambda url, model: None, **options: str) -> Any:
    chosen = ServedOptions(**options)
    return run_server(chosen.model_service("A100"), chosen, "0.0.0.0", 60, ready)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_server_runs_with_its_key_until_it_is_cancelled(program: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    report = program(SERVES)
    monkeypatch.setenv("MY_KEY", "secret-key")

    async def run_and_cancel() -> tuple[str, str]:
        ready: asyncio.Future[tuple[str, str]] = asyncio.get_running_loop().create_future()
        running = asyncio.create_task(start(lambda *told: ready.set_result(told)))
        told = await ready
        while not report.read_text().endswith("\n"):  # noqa: ASYNC110 - the program's file can only be asked
            await asyncio.sleep(0.01)
        running.cancel()
        await asyncio.wait([running])
        assert running.cancelled()
        return told

    assert asyncio.run(run_and_cancel()) == ("http://127.0.0.1:4321", "small")
    pid, *rest = report.read_text().split()
    assert rest == ["small", "A100", "secret-key"]
    assert gone(int(pid))


def test_sigterm_ends_the_server_too(program: Any) -> None:
    program(SERVES)

    async def run_until_sigterm() -> bool:
        running = asyncio.create_task(start(lambda *told: os.kill(os.getpid(), signal.SIGTERM)))
        await asyncio.wait([running])
        return running.cancelled()

    assert asyncio.run(run_until_sigterm())


@pytest.mark.parametrize(
    ("body", "options", "words"),
    [
        ("sys.exit(3)", {"has": "nothing"}, "exit code 3 before it was ready"),
        ("time.sleep(0.3); sys.exit(4)", {}, "exit code 4$"),
        ("time.sleep(3600)", {"has": "large"}, "has no model 'small'; it has 'large'"),
    ],
)
def test_server_that_fails(program: Any, body: str, options: dict[str, str], words: str) -> None:
    program(body)
    with pytest.raises(EngineError, match=words):
        asyncio.run(start(lambda url, model: None, **options))


def test_therapist_is_served_by_vllm() -> None:
    """The real agent with the real plugin."""
    if Catalog.installed().get(Kind.LANGUAGE_MODEL, "vllm") is None:
        pytest.skip("pip install vivavoce-vllm")
    command = printed(str(ROOT / "agents/therapist.yaml"), "--gpu", "A100")
    assert command[:3] == ["vllm", "serve", "Qwen/Qwen2.5-7B-Instruct"]
    assert command[command.index("--port") + 1] == "8001"
    assert 0.4 < float(command[command.index("--gpu-memory-utilization") + 1]) < 0.9, (
        "the speech engines share the card"
    )
    alone = printed(str(ROOT / "agents/therapist.yaml"), "--gpu", "A100", "--beside", "none")
    assert alone[alone.index("--gpu-memory-utilization") + 1] == "0.90"
    deployed = printed(str(ROOT / "deploy/vllm.yaml"))
    assert deployed[:3] == command[:3]
