"""Run benchmarks and record their results: `python -m bench [P1 P2 ...] [--rounds N]`.

Each result is saved at once, in bench/results.json, docs/performance.md and its plot. Without
names, an interrupted run of the same commit is continued; otherwise everything is measured.
"""

import argparse
import json
from datetime import UTC, datetime

from bench import installation, load, processor, signals, spans
from bench.results import current_commit, machine, missing, resumable, write_page
from tests.support.commands import REPOSITORY

RESULTS = REPOSITORY / "bench/results.json"
PAGE = REPOSITORY / "docs/performance.md"
COMPARISONS = [
    *installation.COMPARISONS,
    *load.COMPARISONS,
    *spans.COMPARISONS,
    *signals.COMPARISONS,
]
BENCHMARKS = {
    "P1": installation.first_run,
    "P2": installation.second_run,
    "P3": load.throughput,
    "P4": load.latency,
    "P5": spans.intake,
    "P6": installation.four_hosts,
    "P8": signals.through_collector,
    "P9": signals.three_signals,
    "cost": processor.cost,
    "profile": processor.profile,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHMARKS], metavar="P1")
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is measured")
    arguments = parser.parse_args()

    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    if not arguments.names:
        results = resumable(results, current_commit(), BENCHMARKS)
    for name in arguments.names or missing(results, BENCHMARKS):
        print(f"{name}: {BENCHMARKS[name].__doc__}", flush=True)
        measured = BENCHMARKS[name](arguments.rounds)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        run = {"date": now, "commit": current_commit(), "machine": machine()}
        results = {**results, **run, **measured}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        write_page(results, COMPARISONS, PAGE)


if __name__ == "__main__":
    main()
