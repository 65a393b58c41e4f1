"""The benchmarks' own arithmetic: ratios, what a run continues, the page, spans and samples."""

import json

import pytest

from bench import processor
from bench.__main__ import BENCHMARKS, COMPARISONS, PAGE, RESULTS
from bench.builds import cached
from bench.measure import Comparison, interleave, seconds
from bench.processor import layer, request_costs, shares
from bench.results import machine, missing, resumable, write_page
from bench.spans import span_counts

FASTER = Comparison("P1", "a ÷ b", 0.5, "s")
MORE = Comparison("P2 x", "c ÷ d", 0.5, "spans/s", "higher")
MACHINE = dict.fromkeys(machine(), 1)


def test_a_summary_has_the_medians_and_the_range():
    summary = FASTER.summarize([[1, 4], [2, 4], [6, 6]])
    # The median of the ratios is not the ratio of the medians.
    assert summary == {
        "ours": 2,
        "baseline": 4,
        "ratio": 0.5,
        "min": 0.25,
        "max": 1,
        "in_target": True,
    }


@pytest.mark.parametrize(
    ("comparison", "ours", "in_target"),
    [(FASTER, 2, True), (FASTER, 2.1, False), (MORE, 2, True), (MORE, 1.9, False)],
)
def test_the_target_is_a_limit_on_the_side_that_is_better(comparison, ours, in_target):
    assert comparison.summarize([[ours, 4]])["in_target"] is in_target


def test_both_sides_are_measured_in_turn(capsys):
    calls = []
    ours = iter([1.00006, 2])

    def measure_ours() -> float:
        calls.append("ours")
        return next(ours)

    def measure_baseline() -> float:
        calls.append("baseline")
        return 4

    assert interleave("P1", 2, measure_ours, measure_baseline) == [[1.0001, 4], [2, 4]]
    assert calls == ["ours", "baseline"] * 2
    assert "P1, round 2 of 2: 2 / 4 = 0.50" in capsys.readouterr().out


def test_seconds_add_up_over_the_steps(monkeypatch):
    clock = [10.0]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])

    def step() -> None:
        clock[0] += 2

    assert seconds(step, step) == 4


PARTIAL = {"commit": "abc", "date": "", "P1": [[1, 2]], "P3 manual": [[1, 2]], "cost": {}}


def test_a_benchmark_is_missing_until_it_has_results():
    assert missing(PARTIAL, BENCHMARKS) == ["P2", "P4", "P5", "P6", "P8", "P9", "profile"]
    assert missing({}, BENCHMARKS) == list(BENCHMARKS)


@pytest.mark.parametrize(
    ("commit", "benchmarks", "continued"),
    [
        ("abc", ["P1", "P2"], True),
        ("def", ["P1", "P2"], False),  # another commit
        ("abc", ["P1", "P3", "cost"], False),  # nothing is missing
    ],
)
def test_only_an_interrupted_run_of_the_same_commit_is_continued(commit, benchmarks, continued):
    assert resumable(PARTIAL, commit, benchmarks) == (PARTIAL if continued else {})


def test_the_page_shows_the_results_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- Written by make bench -->\nold\n<!-- until here -->\nafter\n")
    run = {"date": "2026-11-25T16:30:23", "commit": "abc", "machine": MACHINE}
    results = {**run, "P2 x": [[1, 4]], "P1": [[2, 4], [2, 4]]}
    write_page(results, [MORE, FASTER, Comparison("P9", "not measured", 1, "s")], page)
    text = page.read_text()
    assert text.startswith("before\n<!-- Written by make bench -->\n\n| |")
    assert text.endswith("\n<!-- until here -->\nafter\n")
    assert "old" not in text
    assert [line for line in text.splitlines() if line.startswith("| P")] == [
        "| P1 | a ÷ b | ≤ 0.5 | **0.50** | 0.50 to 0.50 | 2 | 2 s / 4 s |",
        "| P2 x | c ÷ d | ≥ 0.5 | **0.25** (missed) | 0.25 to 0.25 | 1 | 1 spans/s / 4 spans/s |",
    ]
    assert "2026-11-25, commit abc" in text
    plot = page.with_suffix(".svg").read_text()
    assert [plot.count(part) for part in ("<circle", "#185", "#911", "P2 x")] == [2, 1, 1, 1]


def test_the_committed_page_shows_the_committed_results(tmp_path):
    page = tmp_path / PAGE.name
    page.write_text(PAGE.read_text())
    write_page(json.loads(RESULTS.read_text()), COMPARISONS, page)
    assert page.read_text() == PAGE.read_text()
    assert page.with_suffix(".svg").read_text() == PAGE.with_suffix(".svg").read_text()


def test_spans_are_counted_by_their_fate():
    metrics = """\
# TYPE jaeger_collector_spans_saved_by_svc_total counter
jaeger_collector_spans_saved_by_svc_total{debug="false",result="ok",svc="a"} 1.2e+04
jaeger_collector_spans_saved_by_svc_total{debug="false",result="ok",svc="b"} 3
jaeger_collector_spans_saved_by_svc_total{debug="false",result="err",svc="a"} 5
jaeger_collector_spans_dropped_total{host="h"} 7
jaeger_collector_spans_rejected_total{svc="a"} 11
jaeger_collector_spans_received_total{svc="a"} 13
"""
    assert span_counts(metrics) == {"saved": 12003, "lost": 23}


def test_a_cost_is_what_a_mode_adds_to_the_untraced_request(monkeypatch):
    monkeypatch.setattr(processor, "REQUESTS", 1000)
    times = {"untraced": [[1, 0], [1, 0], [9, 0]], "manual": [[1.3, 0.05]] * 3}
    assert request_costs(times) == {
        "untraced": {
            "cpu_us": 1000,
            "extra_us": 0,
            "spans": 0,
            "extra_us_per_span": 0,
            "jaeger_us": 0,
        },
        "manual": {
            "cpu_us": 1300,
            "extra_us": 300,
            "spans": 3,
            "extra_us_per_span": 100,
            "jaeger_us": 50,
        },
    }


@pytest.mark.parametrize(
    ("stack", "expected"),
    [
        ("run (/x/gunicorn/a.py:1);get (/opt/car-app/code-1/server.py:2)", "the app"),
        ("get (/opt/car-app/code-1/server.py:2);dumps (/usr/lib/json.py:3)", "the app"),
        ("a (/x/flask/app.py:1);b (/x/opentelemetry/sdk/trace.py:2)", "SDK and API"),
        ("a (/x/opentelemetry/exporter/otlp.py:1)", "exporter"),
        ("a (/usr/lib/threading.py:1)", "Python"),
    ],
)
def test_a_stack_belongs_to_its_innermost_layer(stack, expected):
    assert layer(stack) == expected


def test_shares_are_percentages_of_all_samples():
    assert shares("a (/x/flask/a.py:1) 1\nb (/usr/lib/b.py:2) 2\nc (/x/flask/c.py:3) 5\n") == {
        "Flask": 75,
        "Python": 25,
    }


def test_a_build_is_kept_until_its_inputs_change(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "input").write_text("1")
    builds = []

    def build(folder):
        builds.append(folder)
        (folder / "program").write_text(f"build {len(builds)}")
        return folder / "program"

    for content, expected in ("1", "build 1"), ("1", "build 1"), ("2", "build 2"):
        (tmp_path / "input").write_text(content)
        assert cached("program", [tmp_path / "input"], build).read_text() == expected
    assert not any(folder.exists() for folder in builds)
