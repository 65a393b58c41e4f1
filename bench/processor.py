"""Where a request's processor time goes: by mode, and by layer of the program."""

import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

from bench.hosts import copy, run_script
from bench.load import ALL_PORTS, CONCURRENCY, REQUESTS, new_lab, request_rate, send_requests
from bench.spans import SPANS_PER_REQUEST
from tests.support.lab import Lab

# Parts of a frame's file name, and the layer it belongs to; the first match counts.
LAYERS = {
    "opentelemetry/exporter/": "exporter",
    "opentelemetry/proto/": "exporter",
    "opentelemetry/sdk/_shared_internal/": "exporter",
    "/google/protobuf/": "exporter",
    "/grpc/": "exporter",
    "opentelemetry/instrumentation/": "instrumentations",
    "opentelemetry/util/": "instrumentations",
    "/wrapt/": "instrumentations",
    "opentelemetry/": "SDK and API",
    "/sqlalchemy/": "SQLAlchemy",
    "/flask/": "Flask",
    "/werkzeug/": "Flask",
    "/gunicorn/": "gunicorn",
    "/opt/car-app/code-": "the app",
}


def processor_time(lab: Lab, *units: str) -> list[float]:
    """Return the seconds of processor time that each unit's processes have used so far."""
    return list(map(float, run_script(lab, "processor_time.sh", *units).split()))


def cost(rounds: int) -> dict[str, Any]:
    """Measure the processor time of a request in each mode, and how much of it tracing adds."""
    times: dict[str, list[list[float]]] = {mode: [] for mode in ALL_PORTS}
    with new_lab() as lab:
        for mode in ALL_PORTS:  # Not measured: the first requests import and compile.
            request_rate(lab, mode)
        for _ in range(rounds):
            for mode, rows in times.items():
                units = f"car-{mode}", "jaeger"
                before = processor_time(lab, *units)
                request_rate(lab, mode)
                after = processor_time(lab, *units)
                rows.append([b - a for a, b in zip(before, after, strict=True)])
    return {"cost": request_costs(times)}


def request_costs(times: dict[str, list[list[float]]]) -> dict[str, dict[str, int]]:
    """Return the cost of a request by mode, from the seconds that its unit and Jaeger used.

    `cpu_us` is the unit's processor time in µs, `extra_us` how much more that is than untraced,
    `jaeger_us` what Jaeger needs for the request's spans.
    """

    def per_request(mode: str, column: int) -> float:
        return median(row[column] for row in times[mode]) * 1e6 / REQUESTS

    costs = {}
    for mode in times:
        cpu, spans = per_request(mode, 0), 0 if mode == "untraced" else SPANS_PER_REQUEST
        extra = cpu - per_request("untraced", 0)
        costs[mode] = {
            "cpu_us": round(cpu),
            "extra_us": round(extra),
            "spans": spans,
            "extra_us_per_span": round(extra / spans) if spans else 0,
            "jaeger_us": round(per_request(mode, 1)),
        }
        print(f"cost of a request, {mode}: {costs[mode]}", flush=True)
    return costs


def layer(stack: str) -> str:
    """Return the layer of the innermost frame that is in one; frames are separated by `;`."""
    for frame in reversed(stack.split(";")):
        for part, name in LAYERS.items():
            if part in frame:
                return name
    return "Python"


def shares(samples: str) -> dict[str, int]:
    """Return the percentage of each layer, from py-spy's lines of a stack and a count."""
    counts: Counter[str] = Counter()
    for line in samples.splitlines():
        stack, count = line.rsplit(" ", 1)
        counts[layer(stack)] += int(count)
    return {name: round(100 * n / counts.total()) for name, n in counts.most_common()}


def profile(rounds: int) -> dict[str, Any]:
    """Sample the layers in which each mode's workers spend their time in Python."""
    found = {}
    with new_lab() as lab, ThreadPoolExecutor(1) as pool:
        copy(lab, Path(sys.executable).with_name("py-spy"), "/root/py-spy")
        for mode in ALL_PORTS:
            send_requests(lab, mode, REQUESTS // 8, CONCURRENCY)
            arguments = "sample_workers.sh", f"car-{mode}", str(2 * rounds)
            sampling = pool.submit(run_script, lab, *arguments)
            while not sampling.done():
                send_requests(lab, mode, REQUESTS // 8, CONCURRENCY)
            found[mode] = shares(sampling.result())
            print(f"{mode}: {found[mode]}", flush=True)
    return {"profile": found}
