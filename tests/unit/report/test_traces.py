"""Spans, and the time that they cover."""

import pytest

from report.traces import Trace, gaps, merge_intervals
from tests.support.report_data import SECOND


@pytest.mark.parametrize(
    ("intervals", "merged", "expected_gaps"),
    [
        ([], [], [(0, 10)]),
        ([(0, 10)], [(0, 10)], []),
        ([(2, 4), (6, 8)], [(2, 4), (6, 8)], [(0, 2), (4, 6), (8, 10)]),
        ([(6, 8), (2, 7)], [(2, 8)], [(0, 2), (8, 10)]),
        ([(2, 8), (3, 4)], [(2, 8)], [(0, 2), (8, 10)]),
        ([(2, 4), (4, 6)], [(2, 6)], [(0, 2), (6, 10)]),
        ([(-5, 2), (9, 15), (20, 30)], [(0, 2), (9, 10)], [(2, 9)]),
        ([(3, 3)], [], [(0, 10)]),
    ],
)
def test_intervals_are_merged_and_clipped(intervals, merged, expected_gaps):
    assert merge_intervals(intervals, 0, 10) == merged
    assert gaps(intervals, 0, 10) == expected_gaps


def test_a_gap_is_the_time_without_a_child_span(lab_data):
    manual, programmatic, _ = lab_data.report().modes
    assert [end - start for start, end in programmatic.trace.gaps] == [900, 100, SECOND - 1500]
    assert [end - start for start, end in manual.trace.gaps] == [1500]


def test_a_span_knows_its_place_in_the_tree(lab_data):
    spans = lab_data.report().chain.spans
    assert [(span.depth, span.name, span.parent_name) for span in spans] == [
        (0, "chain", ""),
        (1, "ask_next", "chain"),
        (2, "GET /chain", "ask_next"),
        (3, "GET", "GET /chain"),
        (4, "GET /chain", "GET"),
    ]


def test_a_trace_without_spans_is_refused():
    with pytest.raises(ValueError, match="trace 1f has no spans"):
        Trace.from_json({"trace_id": "1f", "span_id": "2e"}, [])
