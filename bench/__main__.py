"""Run benchmarks and record their results: `python -m bench [P1 P2 ...] [--rounds N]`.

Each result is saved at once, in bench/results.json, docs/performance.md and its plots. Without
names, what has no result of this commit is measured, so that an interrupted run is continued; if
nothing is missing, everything is measured.
"""

import argparse
import json
from datetime import UTC, datetime

from bench import first_lab, installation, load, processor, signals, spans
from bench.results import MAX_BUSY, busy, current_commit, machine, missing, write_page
from tests.support.commands import REPOSITORY

RESULTS = REPOSITORY / "bench/results.json"
PAGE = REPOSITORY / "docs/performance.md"
COMPARISONS = [
    *installation.COMPARISONS,
    *load.COMPARISONS,
    *spans.COMPARISONS,
    *first_lab.COMPARISONS,
    *signals.COMPARISONS,
]
BENCHMARKS = {
    "P1": installation.first_run,
    "P2": installation.second_run,
    "P3": load.throughput,
    "P4": load.latency,
    "P5": spans.intake,
    "P6": installation.four_hosts,
    "P7": first_lab.make_lab,
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
    commit = current_commit()
    for name in arguments.names or missing(results, commit, BENCHMARKS) or BENCHMARKS:
        print(f"{name}: {BENCHMARKS[name].__doc__}", flush=True)
        if (share := busy()) > MAX_BUSY:
            print(f"The machine is {share:.0%} busy. Do not trust {name}; measure it again later.")
        measured = BENCHMARKS[name](arguments.rounds)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        run = {"date": now, "commit": commit, "busy": round(share, 2)}
        runs = {**results.get("runs", {}), name: run}
        results = {**results, "machine": machine(), "runs": runs, **measured}
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
        write_page(results, COMPARISONS, PAGE)


if __name__ == "__main__":
    main()
