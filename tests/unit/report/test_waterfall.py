"""The time axis and the bars on it."""

import pytest

from report.traces import Span, Trace
from report.waterfall import Axis
from tests.support.report_data import SECOND, span


@pytest.mark.parametrize(
    ("length", "labels"),
    [
        (400, ["0", "100 µs", "200 µs", "300 µs", "400 µs"]),
        (10_000, ["0", "2.5 ms", "5 ms", "7.5 ms", "10 ms"]),
        (1_003_035, ["0", "250 ms", "500 ms", "750 ms", "1 s"]),
        (2 * SECOND, ["0", "500 ms", "1 s", "1.5 s", "2 s"]),
    ],
)
def test_ticks_are_round_numbers(length, labels):
    root = Span.from_node(span("root", "server", "scope", 0, length))
    axis = Axis(Trace("1f", "2e", [root]))
    ticks = [label.in_language("en").replace("\N{NO-BREAK SPACE}", " ") for _, label in axis.ticks]
    assert ticks == labels
    places = [at * length for at, _ in axis.ticks]
    assert places == pytest.approx([i * axis.step for i in range(len(labels))])


def test_only_the_long_gaps_of_a_root_are_hatched(lab_data):
    report = lab_data.report()
    for mode, expected in zip(report.modes, (0, 1, 1), strict=True):
        rows = report.axis.rows(mode.trace)
        assert [len(row.gaps) for row in rows] == [expected, 0, 0]


def test_the_legend_explains_what_is_drawn_and_nothing_else(lab_data):
    lab_data.automatic.failure["children"] = []
    lab_data.programmatic.failure["status"] = "unset"
    report = lab_data.report()
    assert [key for _, key in report.axis.legend] == ["hatching"]
    assert [key for _, key in report.failure_axis.legend] == ["failed", "failed_hatching"]
    assert report.chain_axis.legend == []


def test_a_bar_is_placed_by_its_share_of_the_axis(lab_data):
    report = lab_data.report()
    bar = report.axis.rows(report.modes[0].trace)[2].bar
    assert (bar.left, bar.width) == pytest.approx((0.502, 0.498))
