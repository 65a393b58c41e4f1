"""What benchmarks measured: kept in bench/results.json, shown in docs/performance.md.

results.json holds the `machine` of the last benchmark, in `runs` the `date` and `commit` of each
and how `busy` the machine was before it (0 to 1), and what each returned: the rounds of its
comparisons by their ids, and `intake`, `cost`, `profile` and `timeline`.
"""

import os
import platform
import re
import time
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import yaml

from bench import first_lab, load, spans
from bench.measure import Comparison
from tests.support.commands import REPOSITORY, run

Results = dict[str, Any]
# More of the processors than this, from 0 to 1, changes what is measured.
MAX_BUSY = 0.1
BEGIN, END = "<!-- Written by make bench -->\n", "<!-- until here -->"
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def machine() -> dict[str, str | int]:
    """Return what this machine is, and the versions of what runs on it."""
    cpu = re.search(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    packages = (REPOSITORY / "app/requirements.txt").read_text()
    jaeger = yaml.safe_load((REPOSITORY / "roles/jaeger/defaults/main.yml").read_text())
    return {
        "cores": os.cpu_count() or 1,
        "cpu": cpu[1] if cpu else platform.machine(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "opentelemetry-sdk": re.findall(r"^opentelemetry-sdk==(\S+)", packages, re.MULTILINE)[0],
        "jaeger": jaeger["jaeger_version"],
    }


def current_commit() -> str:
    """Return the commit that is measured; "unknown" outside a git repository."""
    shown = run("git", "rev-parse", "--short", "HEAD")
    return shown.stdout.strip() if shown.returncode == 0 else "unknown"


def busy(seconds: float = 5) -> float:
    """Return how busy the processors are during some seconds, from 0 to 1; see proc_stat(5)."""

    def ticks() -> tuple[int, int]:
        first, *_ = Path("/proc/stat").read_text().splitlines()
        values = list(map(int, first.split()[1:9]))
        return sum(values), values[3] + values[4]  # idle, iowait

    total, idle = ticks()
    time.sleep(seconds)
    total_now, idle_now = ticks()
    return 1 - (idle_now - idle) / (total_now - total)


def missing(results: Results, commit: str, benchmarks: Iterable[str]) -> list[str]:
    """Return the benchmarks without results of a commit, which a run continues with."""
    runs = results.get("runs", {})
    return [name for name in benchmarks if runs.get(name, {}).get("commit") != commit]


def newest(results: Results) -> dict[str, Any]:
    """Return the last run of a benchmark."""
    return max(results["runs"].values(), key=lambda run: run["date"])


def remarks(results: Results) -> list[str]:
    """Return what a reader must know of the benchmarks: those of another commit, and the busy."""
    runs, last = results["runs"], newest(results)
    return [
        f"{name} is of {run['date'][:10]}, commit {run['commit']}."
        for name, run in runs.items()
        if run["commit"] != last["commit"]
    ] + [
        f"Before {name}, the machine was {run['busy']:.0%} busy with something else."
        for name, run in runs.items()
        if run.get("busy", 0) > MAX_BUSY
    ]


def write_between_marks(page: Path, text: str) -> None:
    """Replace what is between the two marks in a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(before + BEGIN + text + END + rest.partition(END)[2])


def write_page(results: Results, comparisons: Iterable[Comparison], page: Path) -> None:
    """Write the results between the two marks in the page, and the plot beside it."""
    rows = [
        (comparison, results[comparison.id], comparison.summarize(results[comparison.id]))
        for comparison in sorted(comparisons, key=lambda comparison: comparison.id)
        if comparison.id in results
    ]
    table = TEMPLATES.get_template("page.md.j2").render(
        results, rows=rows, newest=newest(results), remarks=remarks(results), load=load, spans=spans
    )
    write_between_marks(page, table)
    plot = TEMPLATES.get_template("plot.svg.j2").render(rows=rows)
    page.with_suffix(".svg").write_text(plot)
    if timeline := results.get("timeline"):
        drawn = TEMPLATES.get_template("timeline.svg.j2").render(
            timeline=timeline, playbooks=first_lab.PLAYBOOKS
        )
        page.with_name("first-lab.svg").write_text(drawn)
