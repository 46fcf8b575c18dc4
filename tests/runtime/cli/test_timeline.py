"""The timeline: stages between their marks, on one axis."""

from __future__ import annotations

from rich.console import Console

from vivavoce.cli.timeline import spans, timeline

HELD = {
    "transcript": 60,
    "first token": 90,
    "first chunk": 170,
    "commit": 300,
    "first packet": 301,
    "first audible": 302,
}


def test_stages_follow_each_other():
    assert [(s.label, s.start_ms, s.end_ms) for s in spans(HELD)] == [
        ("speech-to-text", 0, 60),
        ("language model", 60, 90),
        ("text-to-speech", 90, 170),
        ("turn decided", 0, 300),
        ("held at the gate", 170, 300),
        ("to the client", 300, 302),
    ]


def test_a_reply_that_comes_after_the_commit_is_not_held():
    late = HELD | {"commit": 100}
    assert "held at the gate" not in [s.label for s in spans(late)]


def test_missing_marks_are_left_out():
    assert [s.label for s in spans({"commit": 100, "first audible": 150})] == ["turn decided", "to the client"]


def test_what_began_before_the_voice_had_faded_stands_left_of_zero():
    early = HELD | {"transcript": -80, "first token": -50, "first chunk": 30}
    assert [(s.start_ms, s.end_ms) for s in spans(early)][:3] == [(-80, -80), (-80, -50), (-50, 30)]
    console = Console(width=100)
    with console.capture() as capture:
        console.print(timeline(early))
    rows = capture.get().splitlines()
    assert rows[-1].split() == ["ms", "-50", "0", "50", "100", "150", "200", "250", "300"]
    assert rows[3].index("█") > rows[1].index("█"), "the turn's decision is counted from 0"


def test_it_fits_a_terminal_and_names_its_times():
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(timeline(HELD))
    console.file.close()
    lines = console.export_text().splitlines()
    assert len(lines) == 7
    assert max(len(line) for line in lines) <= 90
    assert lines[0].endswith("60")
    assert lines[-1].split() == ["ms", "0", "50", "100", "150", "200", "250", "300"]
