"""What benchmarks measured: kept in bench/results.json, shown in docs/performance.md.

results.json holds the `date`, `commit` and `machine` of the last benchmark, and what each returned:
the rounds of its comparisons by their ids, and `intake`, `cost` and `profile`.
"""

import os
import platform
import re
from collections.abc import Iterable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jinja2
import yaml

from bench import load, spans
from bench.measure import Comparison
from tests.support.commands import REPOSITORY, run

Results = dict[str, Any]
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


def missing(results: Results, benchmarks: Iterable[str]) -> list[str]:
    """Return the benchmarks without results; their keys begin with the benchmark's name."""
    measured = {key.split()[0] for key in results}
    return [name for name in benchmarks if name not in measured]


def resumable(results: Results, commit: str, benchmarks: Iterable[str]) -> Results:
    """Return the results that a run continues: those of an interrupted run of the same commit."""
    return results if results.get("commit") == commit and missing(results, benchmarks) else {}


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
    table = TEMPLATES.get_template("page.md.j2").render(results, rows=rows, load=load, spans=spans)
    write_between_marks(page, table)
    plot = TEMPLATES.get_template("plot.svg.j2").render(rows=rows)
    page.with_suffix(".svg").write_text(plot)
