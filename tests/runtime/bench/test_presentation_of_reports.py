"""Tables and charts."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from rich.console import Console

from vivavoce.bench import Report, TurnOutcome, latency_chart, pauses_table, report_table, stages_table, trade_off_chart
from vivavoce.bench.chart import round_step
from vivavoce.bench.crowd import Load
from vivavoce.bench.plan import Purpose
from vivavoce.cli.bench import draw, show, targets


def report(label: str, latency_ms: float) -> Report:
    whole = TurnOutcome(Purpose.WHOLE, "a", None, latency_ms, None, stages_ms={"commit": 90.0})
    paused = TurnOutcome(Purpose.PAUSE, "a", 300, None, -100.0)
    return Report(label, turns=[whole, paused], loads=[Load(4, (latency_ms,), 1, 0, 0, 0.02, 3.0)])


def shown(*tables: object) -> str:
    console = Console(width=120, record=True, quiet=True)
    with console.capture() as capture:
        console.quiet = False
        for table in tables:
            console.print(table)
    return capture.get()


def test_two_reports_stand_side_by_side_with_their_ratio() -> None:
    first, second = report("ours", 200), report("theirs", 500)
    first.engines = {"stt": "simulated", "llm": "llamacpp (small)"}
    text = shown(report_table([first, second]), pauses_table([first, second]))
    assert "ours: stt SIMULATED" in text
    p50 = next(line for line in text.splitlines() if "p50" in line)
    assert p50.split()[-5:] == ["200", "ms", "500", "ms", "0.40"]
    assert "4 sessions: CPU seconds" in text
    assert "1 of 1" in text


def test_virtual_time_is_told_beside_every_figure() -> None:
    first = report("ours", 200)
    assert "VIRTUAL TIME" not in shown(report_table([first]))
    first.virtual_time = True
    assert "VIRTUAL TIME" in shown(report_table([first]))


@pytest.mark.parametrize(("late_ms", "told"), [(49.0, False), (412.0, True)])
def test_a_machine_that_spoils_the_times_is_told(
    late_ms: float, told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    turn = TurnOutcome(Purpose.WHOLE, "a", None, 900.0, None, client_late_ms=late_ms)
    show([Report("calm", turns=[]), Report("ours", turns=[turn])], as_json=False)
    words = " ".join(capsys.readouterr().err.split())
    assert ("The client itself was up to 412 ms late" in words) is told


def test_stages_are_shown_where_the_server_tells_them() -> None:
    assert "commit" in shown(stages_table(report("ours", 200)))
    assert stages_table(Report("mute")) is None


def test_charts_are_svg_and_escape_their_labels() -> None:
    for chart in (
        latency_chart({"a<b": [150, 300.5], "none": []}),
        trade_off_chart({"a<b": (180, 0.04), "patient": (600, 0.0)}),
        latency_chart({}),
    ):
        root = ElementTree.fromstring(chart)
        assert root.tag.endswith("svg")
    assert "a&lt;b" in latency_chart({"a<b": [1]})


def test_a_turn_that_was_not_answered_keeps_the_curve_below_the_top() -> None:
    def highest(chart: str) -> float:
        line = ElementTree.fromstring(chart).find("{http://www.w3.org/2000/svg}polyline")
        assert line is not None
        return min(float(point.split(",")[1]) for point in line.attrib["points"].split())

    assert highest(latency_chart({"a": [100, 200]})) < highest(latency_chart({"a": [100, 200, None]}))


def test_axes_end_at_round_numbers() -> None:
    assert [round_step(value) for value in (6, 7, 100, 578)] == [1, 2, 20, 100]


def test_a_chart_beside_the_other_shows_what_speed_costs(tmp_path) -> None:
    draw([report("eager", 200), report("patient", 700)], tmp_path / "styles.svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["styles-cut-ins.svg", "styles.svg"]
    assert "patient" in (tmp_path / "styles-cut-ins.svg").read_text()


@pytest.mark.parametrize("virtual", [False, True])
def test_charts_of_virtual_time_say_so(virtual: bool, tmp_path: Path) -> None:
    one = report("eager", 200)
    one.virtual_time = virtual
    draw([one], tmp_path / "styles.svg")
    assert {"virtual time" in path.read_text() for path in tmp_path.iterdir()} == {virtual}


def test_each_style_is_measured_under_its_name() -> None:
    agent = Path(__file__).parents[3] / "agents/simulated.yaml"
    found = targets(agent, None, None, styles=True)
    assert [(target.label, target.style) for target in found] == [
        ("simulated eager", "eager"),
        ("simulated balanced", "balanced"),
        ("simulated patient", "patient"),
    ]
