"""How loading, a turn's result and log records look."""

from __future__ import annotations

import io
import logging
import re

from rich.console import Console

from vivavoce.cli.logs import configure_logging
from vivavoce.cli.progress import LoadingDisplay, amount
from vivavoce.cli.talk import show_result
from vivavoce.talk import TalkResult

MEBIBYTE = 1 << 20


def test_amounts():
    assert amount(0, None) == ""
    assert amount(3, 5) == "3 of 5"
    assert amount(12 * MEBIBYTE, 140 * MEBIBYTE) == "12 of 140 MiB"


def report_loading(display: LoadingDisplay) -> None:
    with display as progress:
        for done in range(3):
            progress("stt", "unpacking model.bin", done * MEBIBYTE, 2 * MEBIBYTE)
        progress("llm", "starting [the server]", 0, None)
        progress("stt", "ready", 1, 1)


def test_without_a_terminal_each_step_is_told_once():
    output = io.StringIO()
    report_loading(LoadingDisplay(Console(file=output), {"stt": "whisper (base)"}))
    assert output.getvalue().splitlines() == [
        "stt whisper (base): unpacking model.bin",
        "llm: starting [the server]",
        "stt whisper (base): ready",
    ]


def test_on_a_terminal_each_engine_has_a_line_that_ends_ready():
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=100, color_system=None, legacy_windows=False)
    report_loading(LoadingDisplay(console, {"stt": "whisper (base)"}))
    lines = [line.split()[:-1] for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue()).splitlines()]
    assert ["✓", "stt", "whisper", "(base)", "ready"] in lines
    assert ["llm", "starting", "[the", "server]"] in [line[1:] for line in lines]


def test_a_turns_result():
    output = io.StringIO()
    stages = {"committed": 120.4, "first_token": 150.0}
    show_result(TalkResult("What time is it?", "Noon.", 209.6, stages), Console(file=output, width=100))
    lines = [line.split() for line in output.getvalue().splitlines()]
    assert ["heard", "What", "time", "is", "it?"] in lines
    assert ["reply", "Noon."] in lines
    assert lines.index(["committed", "120"]) < lines.index(["first", "token", "150"])
    assert lines.index(["first", "token", "150"]) < lines.index(["voice", "to", "voice", "210"])


def test_records_have_a_traceback_only_for_debug(capsys, monkeypatch):
    for debug in (False, True):
        monkeypatch.setattr(logging.root, "handlers", [])
        configure_logging(debug=debug)
        try:
            raise RuntimeError("it broke")
        except RuntimeError:
            logging.getLogger("vivavoce.test").exception("a conversation ended")
        told = capsys.readouterr().err
        assert "a conversation ended" in told
        assert ("Traceback" in told) is debug
        assert "it broke" in told
