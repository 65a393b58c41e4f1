"""How many machines a number of spans a second needs: `python -m bench.scaling SPANS_PER_SECOND`.

The model multiplies the measured costs of a span, in bench/capacity.json: the processor time in
each part, and the bytes on each engine's disk.
"""

import argparse
import json
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from bench.results import TEMPLATES, write_between_marks
from tests.support.commands import REPOSITORY

CAPACITY = REPOSITORY / "bench/capacity.json"
PAGE = REPOSITORY / "docs/scaling.md"
SECONDS_PER_DAY = 86_400
# Of a machine in the plan.
CORES = 4
# From 0 to 1. It leaves room for the load of a machine that fails, and for a busier hour.
UTILIZATION = 0.5


@dataclass(frozen=True)
class Part:
    """A program through which each span goes.

    `name` is its key in capacity.json. An engine keeps each span `copies` times, each on another
    machine, for `days`.
    """

    name: str
    copies: int = 1
    days: float = 0

    @property
    def min_machines(self) -> int:
        """As many as let one fail: what is not copied can go through another one."""
        return max(2, self.copies)


CASSANDRA = Part("cassandra", copies=3, days=2)
OTELCOL = Part("otelcol-contrib")
SETUPS = {
    "Cassandra": [OTELCOL, Part("jaeger-collector to cassandra"), CASSANDRA],
    "Elasticsearch": [
        OTELCOL,
        Part("jaeger-collector to elasticsearch"),
        Part("elasticsearch", copies=2, days=2),
    ],
    "Kafka and Cassandra": [
        OTELCOL,
        Part("jaeger-collector to kafka"),
        Part("kafka", copies=3, days=1),
        Part("jaeger-ingester to cassandra"),
        CASSANDRA,
    ],
}
# What one machine can have, sender included; no engine keeps copies there.
ON_ONE_MACHINE = {
    "in memory": ["sender", "otelcol-contrib", "jaeger-all-in-one"],
    "Kafka and Cassandra": [
        "sender",
        "otelcol-contrib",
        "jaeger-collector to kafka",
        "kafka",
        "jaeger-ingester to cassandra",
        "cassandra",
    ],
}


@dataclass(frozen=True)
class Need:
    """What a part needs: machines, their load from 0 to 1, and GB on the disk of each."""

    part: str
    machines: int
    load: float
    load_without_one: float
    disk_gb: float


def busy_cores(part: Part, capacity: dict[str, Any], spans_per_second: float) -> float:
    """Return how many cores a part keeps busy, on all its machines."""
    return spans_per_second * capacity["cpu_us"][part.name] * part.copies / 1e6


def need(part: Part, capacity: dict[str, Any], spans_per_second: float) -> Need:
    """Return what a part needs for its machines to be no busier than UTILIZATION."""
    full_machines = busy_cores(part, capacity, spans_per_second) / CORES
    machines = max(part.min_machines, ceil(full_machines / UTILIZATION))
    size = capacity["bytes"].get(part.name, 0) * part.copies * part.days * SECONDS_PER_DAY
    return Need(
        part.name,
        machines,
        full_machines / machines,
        full_machines / (machines - 1),
        spans_per_second * size / machines / 1e9,
    )


def plan(setup: str, capacity: dict[str, Any], spans_per_second: float) -> list[Need]:
    """Return what each part of a set-up needs, from the first to the storage."""
    return [need(part, capacity, spans_per_second) for part in SETUPS[setup]]


def max_rate(parts: Iterable[str], capacity: dict[str, Any], cores: int) -> float:
    """Return the spans per second with which parts that share a machine keep all cores busy."""
    return cores * 1e6 / sum(capacity["cpu_us"][part] for part in parts)


def max_ratio(
    setup: str, capacity: dict[str, Any], spans_per_second: float, storage_machines: int
) -> float:
    """Return the ratio of traces, from 0 to 1, that some machines for the storage can take."""
    [*_, storage] = SETUPS[setup]
    available = storage_machines * CORES * UTILIZATION
    return min(1.0, available / busy_cores(storage, capacity, spans_per_second))


def percent(ratio: float) -> str:
    """Return a ratio as a percentage, of two digits at least."""
    return f"{100 * ratio:.{0 if ratio >= 0.1 else 1}f} %"


def render(capacity: dict[str, Any], template: str, rates: list[float]) -> str:
    """Return tables of docs/scaling.md, in Markdown, for some numbers of spans a second."""
    return TEMPLATES.get_template(template).render(
        capacity=capacity,
        rates=rates,
        CORES=CORES,
        ON_ONE_MACHINE=ON_ONE_MACHINE,
        SETUPS=SETUPS,
        UTILIZATION=UTILIZATION,
        max_rate=max_rate,
        max_ratio=max_ratio,
        percent=percent,
        plan=plan,
    )


def write_page(capacity: dict[str, Any], page: Path) -> None:
    """Write the tables between the two marks in the page."""
    write_between_marks(page, render(capacity, "scaling.md.j2", [1e4, 1e6]))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scaling", description=__doc__)
    parser.add_argument("rate", type=float, metavar="SPANS_PER_SECOND")
    rate = parser.parse_args().rate
    print(render(json.loads(CAPACITY.read_text()), "needs.md.j2", rates=[rate]), end="")


if __name__ == "__main__":
    main()
