"""Requests under load: how many a second, and how long the slowest of a hundred at once takes."""

import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from bench.hosts import GROUPS, PORTS, new_hosts, run_script
from bench.measure import Comparison, Rounds, interleave
from bench.spans import SPANS_PER_REQUEST, wait_until_saved
from tests.support.commands import must_run
from tests.support.lab import Lab

ALL_PORTS = {"untraced": 8085, **PORTS}
# Few enough that other load on the machine lasts longer than a round, and so affects both sides.
REQUESTS = 2000
CONCURRENCY = 16
# How many of a hundred clients start together, and the words for that.
STARTS = {5: "", 100: ", in one burst"}

COMPARISONS = [
    Comparison(f"P3 {mode}", f"requests/s, {mode} ÷ untraced", target, "requests/s", "higher")
    for mode, target in {"manual": 0.75, "programmatic": 0.65, "automatic": 0.60}.items()
] + [
    Comparison(f"P4 {mode}{start}", f"p99 of 100 clients, {mode}{start} ÷ 1 s of sleep", 1.05, "s")
    for mode in PORTS
    for start in STARTS.values()
]


@contextmanager
def new_lab(sleep_seconds: float = 0) -> Iterator[Lab]:
    """A lab whose requests sleep twice for that long, with a fourth unit: car-untraced."""
    with new_hosts(lab=GROUPS) as [lab]:
        lab.must_play("site.yml", car_app_sleep_seconds=sleep_seconds)
        run_script(lab, "start_untraced.sh")
        yield lab


def send_requests(lab: Lab, mode: str, count: int, concurrency: int) -> tuple[float, list[float]]:
    """Send requests by ab, each on a new connection, at a constant concurrency.

    Return requests per second, and the seconds that each took. Raises RuntimeError if one fails.
    """
    if not (ab := shutil.which("ab")):
        raise RuntimeError("ab is not installed. Install it: apt-get install apache2-utils")
    url = f"http://{lab.address}:{ALL_PORTS[mode]}/cars"
    with tempfile.NamedTemporaryFile("r") as table:
        limits = "-q", "-s", "60", "-n", str(count), "-c", str(concurrency)
        output = must_run(ab, *limits, "-g", table.name, url)
        # The fifth column is the total time in milliseconds.
        times = [float(line.split("\t")[4]) / 1000 for line in table.readlines()[1:]]
    rate = re.search(r"Requests per second: +([\d.]+)", output)
    if not rate or not re.search(r"Failed requests: +0\n", output) or "Non-2xx" in output:
        raise RuntimeError(f"Requests failed:\n{output}")
    return float(rate[1]), times


def request_rate(lab: Lab, mode: str) -> float:
    """Return a mode's requests per second, once all their spans are in Jaeger."""
    spans = 0 if mode == "untraced" else SPANS_PER_REQUEST * REQUESTS
    return wait_until_saved(lab, spans, lambda: send_requests(lab, mode, REQUESTS, CONCURRENCY)[0])


def slowest(lab: Lab, mode: str, together: int) -> float:
    """Return the 99th percentile, in seconds, of a hundred clients that start in groups."""

    def clients(group: int) -> list[float]:
        time.sleep(group * together / 100)
        return send_requests(lab, mode, 10 * together, together)[1]

    with ThreadPoolExecutor(100 // together) as pool:
        times = sorted(t for group in pool.map(clients, range(100 // together)) for t in group)
    return times[len(times) * 99 // 100]


def throughput(rounds: int) -> dict[str, Rounds]:
    """Compare the requests per second of each mode with those of the app without tracing."""
    with new_lab() as lab:
        rate = {mode: partial(request_rate, lab, mode) for mode in ALL_PORTS}
        for first in rate.values():  # Not measured: the first requests import and compile.
            first()
        return {
            (id := f"P3 {mode}"): interleave(id, 4 * rounds, rate[mode], rate["untraced"])
            for mode in PORTS
        }


def latency(rounds: int) -> dict[str, Rounds]:
    """Compare the slowest of a hundred requests at once with the time that a request sleeps."""
    with new_lab(0.5) as lab:
        for mode in PORTS:  # Not measured: the first requests create the threads.
            send_requests(lab, mode, 200, 100)
        return {
            (id := f"P4 {mode}{name}"): interleave(
                id, rounds, partial(slowest, lab, mode, together), lambda: 1.0
            )
            for together, name in STARTS.items()
            for mode in PORTS
        }
