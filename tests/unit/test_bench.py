"""The benchmarks' own arithmetic: ratios, what a run continues, the page, spans and samples."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jinja2
import pytest
import yaml

import bench.__main__
from bench import first_lab, processor
from bench.__main__ import BENCHMARKS, COMPARISONS, PAGE, RESULTS
from bench.builds import cached
from bench.measure import Comparison, interleave, seconds
from bench.processor import layer, request_costs, shares
from bench.results import busy, machine, missing, remarks, write_page
from bench.spans import span_counts
from tests.support.commands import REPOSITORY, wait_for

REPORT = REPOSITORY / "playbooks/report.yml"
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


def run_of(commit: str, **facts: object) -> dict[str, object]:
    return {"date": "2026-11-25T16:30:23", "commit": commit, **facts}


def test_a_run_measures_what_has_no_result_of_its_commit():
    results = {"runs": {"P1": run_of("abc"), "P3": run_of("def")}}
    assert missing(results, "abc", ["P1", "P2", "P3"]) == ["P2", "P3"]
    assert missing({}, "abc", BENCHMARKS) == list(BENCHMARKS)


@pytest.fixture
def measured(monkeypatch, tmp_path) -> list[str]:
    """The names of the benchmarks that `python -m bench` runs, which measure nothing here."""
    called: list[str] = []

    def benchmark(name: str) -> Callable[[int], dict[str, object]]:
        def measure(rounds: int) -> dict[str, object]:
            """Measure nothing."""
            called.append(name)
            return {name: [[1, 2]] * rounds}

        return measure

    page = tmp_path / "page.md"
    page.write_text("<!-- Written by make bench -->\n<!-- until here -->\n")
    monkeypatch.setattr(bench.__main__, "BENCHMARKS", {n: benchmark(n) for n in ("P1", "P2")})
    monkeypatch.setattr(bench.__main__, "RESULTS", tmp_path / "results.json")
    monkeypatch.setattr(bench.__main__, "PAGE", page)
    monkeypatch.setattr(bench.__main__, "COMPARISONS", [FASTER])
    monkeypatch.setattr(bench.__main__, "busy", lambda: 0.43)
    monkeypatch.setattr(bench.__main__, "current_commit", lambda: "abc")
    monkeypatch.setattr(sys, "argv", ["bench"])
    return called


def test_an_interrupted_run_is_continued(measured, tmp_path):
    first = {"machine": MACHINE, "runs": {"P1": run_of("abc")}, "P1": [[1, 4]]}
    (tmp_path / "results.json").write_text(json.dumps(first))
    bench.__main__.main()
    assert measured == ["P2"]
    # Nothing is missing now.
    bench.__main__.main()
    assert measured == ["P2", "P1", "P2"]


def test_a_benchmark_is_run_by_its_name(measured, monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "argv", ["bench", "P1", "--rounds=3"])
    bench.__main__.main()
    assert measured == ["P1"]
    assert json.loads((tmp_path / "results.json").read_text())["P1"] == [[1, 2]] * 3


def test_a_busy_machine_is_told_and_recorded(measured, capsys, tmp_path):
    bench.__main__.main()
    assert "The machine is 43% busy. Do not trust P1;" in capsys.readouterr().out
    assert "Before P1, the machine was 43% busy" in (tmp_path / "page.md").read_text()


def test_an_idle_machine_is_not_told(measured, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench.__main__, "busy", lambda: 0.05)
    bench.__main__.main()
    assert "busy" not in capsys.readouterr().out + (tmp_path / "page.md").read_text()


def test_processors_are_busy_with_what_is_not_idle(monkeypatch):
    # user, nice, system, idle, iowait, irq, softirq, steal, and guest, which user includes.
    lines = iter(["cpu 10 0 10 60 20 0 0 0 5 5\ncpu0 ", "cpu 35 0 15 120 30 0 0 0 9 9\ncpu0 "])
    monkeypatch.setattr(Path, "read_text", lambda _: next(lines))
    assert busy(0) == pytest.approx(0.3)


def test_rows_of_another_commit_are_named():
    later = {**run_of("def"), "date": "2026-11-26T00:00:00"}
    found = remarks({"runs": {"P1": run_of("abc"), "P2": later}})
    assert found == ["P1 is of 2026-11-25, commit abc."]


def test_the_page_shows_the_results_between_its_marks(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- Written by make bench -->\nold\n<!-- until here -->\nafter\n")
    run = {"machine": MACHINE, "runs": {"P1": run_of("abc")}}
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


def test_a_part_lasts_from_its_first_process_to_its_last():
    timeline: first_lab.Timeline = {}
    build = "/bin/bash /clone/lab/mirror/build program /clone/lab/mirror amd64"
    for now, lines in enumerate([[], [build], [build, "tail -f"], [], [build], []]):
        first_lab.extend(timeline, lines, now)
    assert timeline == {"Jaeger (go build)": (1, 4)}


def test_the_longest_part_is_no_playbook():
    timeline = {"lab/create.yml": (0.0, 200.0), "base tree": (5.0, 60.0), "site.yml": (0.0, 90.0)}
    assert first_lab.longest_part({**timeline, first_lab.WHOLE: (0, 300.0)}) == 55


def test_a_make_lab_that_fails_is_no_result(tmp_path):
    with pytest.raises(RuntimeError, match=f"make lab failed in {tmp_path}"):
        first_lab.watch(subprocess.Popen(["false"]), tmp_path)


def test_processes_are_found_by_a_folder_that_they_name(tmp_path):
    arguments = [sys.executable, "-c", "input()", f"{tmp_path}/files/build-base bookworm"]
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE)
    try:
        # The arguments of a new process are not there at once.
        [line] = wait_for(lambda: first_lab.command_lines(tmp_path))
        timeline: first_lab.Timeline = {}
        first_lab.extend(timeline, [line], 1)
        assert timeline == {"base tree": (1, 1)}
    finally:
        process.communicate(b"\n")


def test_the_report_finds_the_costs_in_the_committed_results():
    play = next(
        p for p in yaml.safe_load(REPORT.read_text()) if "report_costs" in p.get("vars", {})
    )
    expression = play["vars"]["report_costs"].removeprefix("{{").removesuffix("}}")
    evaluate = jinja2.Environment(undefined=jinja2.StrictUndefined).compile_expression(expression)
    costs = evaluate(report_results=json.loads(RESULTS.read_text()))
    assert re.match(r"\d{4}-\d\d-\d\dT", costs["date"])
    assert set(costs["modes"]) == {"untraced", "manual", "programmatic", "automatic"}
