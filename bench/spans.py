"""Spans that Jaeger saves: none may be lost, and how many it takes per second."""

import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from bench.builds import tracegen
from bench.hosts import GROUPS, copy, new_hosts
from bench.measure import Comparison, interleave
from tests.support.commands import wait_for
from tests.support.contract import JAEGER
from tests.support.lab import Lab

SPANS_PER_REQUEST = 3
TRACES_PER_SENDER = 10_000
SENDERS = [8, 4, 2, 1]

COMPARISONS = [
    Comparison("P5", "spans/s, none lost, shipped Jaeger ÷ bare Jaeger", 1.0, "spans/s", "higher")
]
# One service, and so one queue and one connection, for each sender.
SEND = (
    "/root/tracegen -workers {senders} -services {senders} -pause 0s -trace-exporter otlp-grpc"
    f" -traces {TRACES_PER_SENDER} -spans {SPANS_PER_REQUEST - 1} > /dev/null 2>&1"
)
START = {
    "jaeger": "systemctl start jaeger",
    "jaeger-bare": "systemd-run --quiet --unit=jaeger-bare --uid=jaeger"
    " /usr/local/bin/jaeger-all-in-one;"
    " until ss -Hltn | grep -q ':4317 '; do sleep 0.1; done",
}
PEAK_MEMORY = "grep VmHWM /proc/$(systemctl show --value --property=MainPID {unit})/status"
METRICS = """
python3 -c 'import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:14269/metrics").read().decode())'
"""


class SpansLostError(RuntimeError):
    """Jaeger dropped spans, or saved others than were sent."""


def span_counts(metrics: str) -> Counter[str]:
    """Return how many spans Jaeger has `saved` and `lost` since its start.

    `metrics` is the text of its admin page, in Prometheus's exposition format.
    """
    counts = Counter(saved=0, lost=0)
    for name, labels, value in re.findall(
        r"^jaeger_collector_(\w+)(\{.*\})? (\S+)$", metrics, re.MULTILINE
    ):
        if name == "spans_saved_by_svc_total":
            counts["saved" if 'result="ok"' in labels else "lost"] += int(float(value))
        elif name in ("spans_dropped_total", "spans_rejected_total"):
            counts["lost"] += int(float(value))
    return counts


def wait_until_saved(lab: Lab, count: int, send: Callable[[], float]) -> float:
    """Return the result of `send`, once Jaeger has saved exactly the `count` spans it sent.

    Raises SpansLostError if Jaeger lost or duplicated some, TimeoutError if some never arrived.
    """

    def now() -> Counter[str]:
        return span_counts(lab.ssh(METRICS))

    before = now()
    result = send()
    wait_for(lambda: now().total() - before.total() >= count, 120)
    after = now()
    if after != {"saved": before["saved"] + count, "lost": before["lost"]}:
        raise SpansLostError(f"{count} spans were sent; Jaeger's counts: {before}, then {after}")
    return result


def sent_spans(senders: int) -> int:
    """Return how many spans SEND sends."""
    return senders * TRACES_PER_SENDER * SPANS_PER_REQUEST


def max_rate(rate: Callable[[int], float]) -> float:
    """Return the rate with as many senders as lose no span."""
    for senders in SENDERS[:-1]:
        with suppress(SpansLostError):
            return rate(senders)
    return rate(SENDERS[-1])


def intake(rounds: int) -> dict[str, Any]:
    """Compare the spans per second that the shipped Jaeger takes with those of the bare program."""
    runs: dict[str, list[tuple[int, int]]] = {unit: [] for unit in START}
    with new_hosts(lab=GROUPS) as [lab]:
        lab.must_play(JAEGER)
        copy(lab, tracegen(), "/root/tracegen")
        lab.ssh("systemctl stop jaeger")

        def rate(unit: str, senders: int) -> float:
            count = sent_spans(senders)

            def send() -> float:
                start = time.monotonic()
                lab.ssh(SEND.format(senders=senders))
                return count / (time.monotonic() - start)

            lab.ssh(START[unit])
            try:
                return wait_until_saved(lab, count, send)
            finally:
                kibibytes = lab.ssh(PEAK_MEMORY.format(unit=unit)).split()[1]
                runs[unit].append((senders, round(int(kibibytes) / 1024)))
                lab.ssh(f"systemctl stop {unit}")

        sides = (partial(max_rate, partial(rate, unit)) for unit in START)
        pairs = interleave("P5", rounds, *sides)
    limits = {
        unit: {"min_senders": min(found)[0], "max_memory_mib": max(memory for _, memory in found)}
        for unit, found in runs.items()
    }
    return {"P5": pairs, "intake": limits}
