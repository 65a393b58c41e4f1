"""Requests at a steady rate, and which of them and of their traces were lost."""

import shlex
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from statistics import median
from threading import Event

from tests.support.commands import wait_for
from tests.support.contract import CARS
from tests.support.lab import Lab

Sent = list[Future[dict]]

# Sends batches of 500 spans by OTLP over HTTP, as fast as they are taken.
FLOOD = """
import json, os, threading, urllib.request
def flood():
    for _ in range(300):
        spans = [{"traceId": os.urandom(16).hex(), "spanId": os.urandom(8).hex(), "name": "flood",
                  "startTimeUnixNano": "1", "endTimeUnixNano": "2",
                  "attributes": [{"key": "k", "value": {"stringValue": "v" * 1000}}]}
                 for _ in range(500)]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        message = urllib.request.Request("http://127.0.0.1:4318/v1/traces", body,
                                         {"Content-Type": "application/json"})
        try:
            urllib.request.urlopen(message, timeout=30).read()
        except OSError:
            pass
threads = [threading.Thread(target=flood) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@contextmanager
def load(lab: Lab, rate: float = 20) -> Iterator[Sent]:
    """Send `rate` requests a second, to each mode in turn; yield the futures of their responses.

    At the end all of them have come.
    """
    sent: Sent = []
    stop = Event()

    def request(unit: str, at: float) -> dict:
        return lab.send(unit, timeout=60) | {"at": at}

    def run(pool: ThreadPoolExecutor) -> None:
        start = time.monotonic()
        while not stop.wait(max(0, start + len(sent) / rate - time.monotonic())):
            sent.append(pool.submit(request, CARS[len(sent) % len(CARS)], time.monotonic()))

    with ThreadPoolExecutor(256) as pool, ThreadPoolExecutor(1) as sender:
        running = sender.submit(run, pool)
        try:
            yield sent
        finally:
            stop.set()
            running.result()


def wait_for_more(sent: Sent, count: int = 40) -> None:
    """Wait until `count` more requests have been sent than now."""
    enough = len(sent) + count
    wait_for(lambda: len(sent) >= enough)


def results(sent: Sent) -> list[dict]:
    """Return the responses, once all of them have come."""
    return [response.result() for response in sent]


def failed(responses: list[dict]) -> Counter:
    """Count the requests that failed, by unit and error or status."""
    return Counter((r["unit"], r["error"] or r["status"]) for r in responses if r["status"] != 200)


def lost(
    lab: Lab,
    responses: list[dict],
    seconds: float = 60,
    is_there: Callable[[str], bool] | None = None,
) -> list[dict]:
    """Return the answered requests whose traces are not in Jaeger once none came for that time.

    `is_there` tells by its id whether a trace is; by default one with a server span is.
    """
    is_there = is_there or lab.has_trace
    missing = [r for r in responses if r["status"] == 200]
    deadline = time.monotonic() + seconds
    while missing and time.monotonic() < deadline:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda r: is_there(r["trace_id"]), missing))
        # To look for many takes longer, and a queue may still be sending.
        if any(found):
            deadline = time.monotonic() + seconds
        missing = [r for r, is_found in zip(missing, found, strict=True) if not is_found]
    return missing


def slowdown(responses: list[dict], since: float, until: float) -> float:
    """Return the seconds by which requests between two times took longer than the others.

    By the medians of the mode where these differ most.
    """
    seconds = defaultdict(list)
    for r in responses:
        seconds[r["unit"], since <= r["at"] < until].append(r["seconds"])
    return max(median(seconds[unit, True]) - median(seconds[unit, False]) for unit in CARS)


def flood(lab: Lab) -> None:
    """Send 600 000 spans from the host to its OTLP port, as fast as they are taken."""
    lab.ssh(f"python3 -c {shlex.quote(FLOOD)}")


def peak_memory(lab: Lab, unit: str) -> int:
    """Return the most memory, in MiB, that a unit's main process has used."""
    process = lab.main_process(unit)
    return int(lab.ssh(f"awk '/VmHWM/ {{ print $2 }}' /proc/{process}/status")) // 1024
