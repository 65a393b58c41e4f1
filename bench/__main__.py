"""Run the benchmarks, and keep what they measured: `python -m bench [P1 P2 ...] [--rounds N]`.

Each benchmark's rows go to bench/results.json as soon as it is done, and from there into
docs/performance.md and its plot. Without names, an interrupted run of the same commit goes on
with what is missing, and otherwise all is measured anew.
"""

import argparse
import json
import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import jinja2
import yaml

from bench import provisioning, runtime
from bench.measure import summary

REPOSITORY = Path(__file__).parent.parent
RESULTS = REPOSITORY / "bench/results.json"
PAGE = REPOSITORY / "docs/performance.md"
BENCHMARKS = {**provisioning.BENCHMARKS, **runtime.BENCHMARKS}
TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent), trim_blocks=True, lstrip_blocks=True
)


def machine() -> dict:
    """What this machine is, and what runs on it."""
    cpu = re.search(r"^model name\s*: (.+)", Path("/proc/cpuinfo").read_text(), re.M)
    packages = (REPOSITORY / "app/requirements.txt").read_text()
    jaeger = yaml.safe_load((REPOSITORY / "roles/jaeger/defaults/main.yml").read_text())
    return {
        "cores": os.cpu_count(),
        "cpu": cpu[1] if cpu else platform.machine(),
        "memory_mib": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible-core": version("ansible-core"),
        "opentelemetry-sdk": re.search(r"^opentelemetry-sdk==(\S+)", packages, re.M)[1],
        "jaeger": jaeger["jaeger_version"],
    }


def commit() -> str:
    """The commit that is measured; "unknown" outside a clone."""
    shown = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=REPOSITORY, capture_output=True, text=True
    )
    return shown.stdout.strip() or "unknown"


def write_page(results: dict) -> None:
    """Put the table between the two marks of docs/performance.md, and draw the plot beside it."""
    for row in results["rows"]:
        row.update(summary(row))
    table = TEMPLATES.get_template("table.md.j2").render(results)
    begin, end = "<!-- Written by make bench -->\n", "<!-- until here -->"
    text = PAGE.read_text() if PAGE.exists() else f"# How fast the lab is\n\n{begin}{end}\n"
    before, rest = text.split(begin)
    PAGE.write_text(before + begin + table + end + rest.split(end)[1])
    PAGE.with_suffix(".svg").write_text(TEMPLATES.get_template("plot.svg.j2").render(results))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="P1")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    arguments = parser.parse_args()

    old = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    measured = {row["benchmark"] for row in old.get("rows", [])} | set(old.keys() & BENCHMARKS)
    goes_on = old.get("commit") == commit() and not measured >= set(BENCHMARKS)
    names = arguments.names or [n for n in BENCHMARKS if not (goes_on and n in measured)]
    results = old if goes_on or arguments.names else {}
    for name in names:
        print(f"{name}: {BENCHMARKS[name].__doc__.splitlines()[0]}", flush=True)
        measured = BENCHMARKS[name](arguments.rounds)
        results |= {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
        results |= {"machine": machine()}
        results.setdefault("rows", [])
        if name.startswith("P"):
            kept = [row for row in results["rows"] if row["benchmark"] != name]
            rows = [{"benchmark": name, **row} for row in measured]
            results["rows"] = sorted(kept + rows, key=lambda row: row["id"])
        else:
            results[name] = measured
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        write_page(json.loads(RESULTS.read_text()))


if __name__ == "__main__":
    main()
