"""What a span costs in each part of a larger set-up: `python -m bench.capacity`.

Writes bench/capacity.json and docs/scaling.md: the processor time of a span in each part, measured
in one set-up after the other at a moderate rate, its bytes on each engine's disk, and the spans per
second of set-ups that those figures were not taken from, beside what bench.scaling predicts.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from statistics import median
from time import monotonic, sleep
from typing import Any

from bench.builds import tracegen
from bench.hosts import copy, new_hosts
from bench.processor import processor_time
from bench.results import current_commit, machine
from bench.scaling import CAPACITY, PAGE, write_page
from bench.spans import METRICS, SpansLostError, span_counts
from tests.support.contract import JAEGER, OTEL_COLLECTOR
from tests.support.elasticsearch import call
from tests.support.lab import Lab

# The sender's children have eleven attributes each, as many as server_manual's server span.
SPANS_PER_TRACE = 3
WORKERS = 4
# 1200 spans a second at most: Cassandra takes fewer on two cores.
MODERATE = "5ms"
FLOOD = "0s"
STRAIGHT = "127.0.0.1:14317"
THROUGH_COLLECTOR = "127.0.0.1:4317"
SPANS = 30_000
# Of the set-ups that are predicted: enough to keep them busy for ten seconds and more.
FLOODS = {"in memory": 480_000, "Kafka and Cassandra": 90_000}
ROUNDS = 3
# Prints its processor time, in seconds, as the user's and the system's.
SEND = (
    "OTEL_EXPORTER_OTLP_ENDPOINT=http://{receiver} TIMEFORMAT='%U %S' bash -c 'time /root/tracegen"
    " -trace-exporter otlp-grpc -workers {workers} -services {workers} -pause {pause}"
    " -traces {traces} -spans {children} > /dev/null 2>&1' 2>&1"
)
INGESTER_METRICS = METRICS.replace(":14269", ":14270")
INGESTED = r"^jaeger_ingester_span_processor_latency_count(?:\{.*\})? (\S+)$"
CASSANDRA_FILES = "/var/lib/cassandra/data/jaeger_v1_lab/*/*.db"
KAFKA_FILES = "/var/lib/kafka/jaeger-spans-*/*.log"
INDEX = "*jaeger-span*"
FLUSH = (
    "java=$(echo /usr/lib/jvm/java-17-openjdk-*/bin/java); lib=$(echo /opt/cassandra/*/);"
    ' "$java" @/etc/cassandra/jvm.options -Xms16m -Xmx128m -Duser.home=/nonexistent'
    ' -cp "$lib*" org.apache.cassandra.tools.NodeTool flush'
)


@dataclass
class Costs:
    """What a span costs: µs of processor time by part, and bytes on the disk by engine."""

    cpu_us: dict[str, float]
    sizes: dict[str, float]


@dataclass(frozen=True)
class Hosts:
    """`front` takes spans, and `back` has the engines and what reads from Kafka."""

    front: Lab
    back: Lab

    def deploy(self, storage: str, limit: str = "all") -> None:
        """Install Jaeger's parts for a storage, `memory`, `cassandra`, `elasticsearch` or `kafka`.

        With kafka, `back` writes from there to Cassandra.
        """
        on_front = "inventory_hostname == 'front'"
        components = "['collector', 'query']"
        if storage == "memory":
            components = "['all-in-one']"
        elif storage == "kafka":
            components = f"['collector'] if {on_front} else ['ingester', 'query']"
            storage = f"{{{{ 'kafka' if {on_front} else 'cassandra' }}}}"
        self.front.must_play(
            JAEGER,
            f"--limit={limit}",
            jaeger_components=f"{{{{ {components} }}}}",
            jaeger_span_storage_type=storage,
            jaeger_cassandra_keyspace="jaeger_v1_lab",
            jaeger_cassandra_servers=[self.back.address],
            jaeger_elasticsearch_urls=[f"http://{self.back.address}:9200"],
            jaeger_elasticsearch_num_replicas=0,
            jaeger_kafka_brokers=[f"{self.back.address}:9092"],
        )

    def cpu_seconds(self, units: dict[str, str]) -> dict[str, float]:
        """Return the processor time that units have used so far; `units` names each one's host."""
        return {unit: processor_time(getattr(self, host), unit)[0] for unit, host in units.items()}

    def send(self, receiver: str, count: int, pause: str) -> float:
        """Send spans from `front`; return the processor time of the sender in seconds."""
        traces = count // SPANS_PER_TRACE // WORKERS
        children = SPANS_PER_TRACE - 1
        command = SEND.format(
            receiver=receiver, workers=WORKERS, pause=pause, traces=traces, children=children
        )
        return sum(map(float, self.front.ssh(command).split()))

    def send_straight(self) -> float:
        """Send SPANS at a moderate rate to Jaeger; return the sender's processor time."""
        return self.send(STRAIGHT, SPANS, MODERATE)

    def saved(self) -> int:
        """Return how many spans the collector has saved. Raises SpansLostError if it lost some."""
        counts = span_counts(self.front.ssh(METRICS))
        if counts["lost"]:
            raise SpansLostError(f"Jaeger's collector lost {counts['lost']} spans")
        return counts["saved"]

    def ingested(self) -> int:
        """Return how many spans the ingester has written since its start."""
        finished = re.findall(INGESTED, self.back.ssh(INGESTER_METRICS), re.MULTILINE)
        return sum(int(float(count)) for count in finished)

    def indexed(self) -> int:
        """Return how many spans can be searched in Elasticsearch."""
        call(self.back, "POST", f"{INDEX}/_refresh")
        return call(self.back, "GET", f"{INDEX}/_count")["count"]


def per_span(
    hosts: Hosts, units: dict[str, str], written: Callable[[], int], send: Callable[[], object]
) -> dict[str, float]:
    """Return the µs of processor time that each unit needs for a span.

    `written` counts the spans at the end of the set-up, of which `send` sends SPANS.
    """
    before, already = hosts.cpu_seconds(units), written()
    send()
    wait_until_written(written, already + SPANS)
    seconds = {unit: now - before[unit] for unit, now in hosts.cpu_seconds(units).items()}
    microseconds = {name: round(value * 1e6 / SPANS, 1) for name, value in seconds.items()}
    print(microseconds, flush=True)
    return microseconds


def file_bytes(lab: Lab, pattern: str) -> int:
    """Return the bytes of the files that a shell pattern matches."""
    return int(lab.ssh(f"cat {pattern} | wc -c"))


def wait_until_written(written: Callable[[], int], count: int, seconds: float = 600) -> None:
    """Wait until `written()` is at least `count`, and ask seldom, as that costs processor time.

    Raises TimeoutError.
    """
    deadline = monotonic() + seconds
    while (now := written()) < count:
        if monotonic() > deadline:
            raise TimeoutError(f"{now} of {count} spans are written after {seconds} s")
        sleep(1)


def flood(hosts: Hosts, count: int, written: Callable[[], int]) -> float:
    """Return the spans per second of a set-up that gets `count` as fast as it takes them."""
    already, start = written(), monotonic()
    hosts.send(THROUGH_COLLECTOR, count, FLOOD)
    wait_until_written(written, already + count)
    return count / (monotonic() - start)


def median_flood(hosts: Hosts, name: str, written: Callable[[], int]) -> int:
    """Return the median of ROUNDS floods of a set-up."""
    rates = [round(flood(hosts, FLOODS[name], written)) for _ in range(ROUNDS)]
    print(f"{name}, spans/s: {rates}", flush=True)
    return round(median(rates))


@contextmanager
def engines() -> Iterator[Hosts]:
    """New hosts with Cassandra, Kafka and Elasticsearch, and the OpenTelemetry Collector."""
    groups = {
        "back": ["cassandra", "kafka", "elasticsearch", "jaeger"],
        "front": ["otel_collector", "jaeger"],
    }
    with new_hosts(**groups) as [back, front]:
        for engine in "elasticsearch", "cassandra", "kafka":
            back.must_play(f"lab/{engine}.yml")
        hosts = Hosts(front, back)
        hosts.deploy("memory", limit="front")
        front.must_play(OTEL_COLLECTOR, otel_collector_jaeger_endpoint=f"http://{STRAIGHT}")
        copy(front, tracegen(), "/root/tracegen")
        yield hosts


def measure_collector(hosts: Hosts, costs: Costs) -> None:
    """Measure the OpenTelemetry Collector and Jaeger as one process, in memory."""
    units = {"otelcol-contrib": "front", "jaeger": "front"}
    # The sender matters in floods only; most of its time at a moderate rate goes to its pauses.
    costs.cpu_us["sender"] = round(hosts.send(THROUGH_COLLECTOR, SPANS, FLOOD) * 1e6 / SPANS, 1)
    wait_until_written(hosts.saved, SPANS)
    send = partial(hosts.send, THROUGH_COLLECTOR, SPANS, MODERATE)
    found = per_span(hosts, units, hosts.saved, send)
    costs.cpu_us["otelcol-contrib"] = found["otelcol-contrib"]
    costs.cpu_us["jaeger-all-in-one"] = found["jaeger"]


def measure_cassandra(hosts: Hosts, costs: Costs) -> None:
    """Measure Jaeger's collector and Cassandra."""
    hosts.deploy("cassandra", limit="front")
    hosts.send_straight()
    hosts.back.ssh(FLUSH)
    before = file_bytes(hosts.back, CASSANDRA_FILES)
    units = {"jaeger-collector": "front", "cassandra": "back"}
    found = per_span(hosts, units, hosts.saved, hosts.send_straight)
    hosts.back.ssh(FLUSH)
    costs.sizes["cassandra"] = (file_bytes(hosts.back, CASSANDRA_FILES) - before) / SPANS
    costs.cpu_us["jaeger-collector to cassandra"] = found["jaeger-collector"]
    costs.cpu_us["cassandra"] = found["cassandra"]


def measure_elasticsearch(hosts: Hosts, costs: Costs) -> None:
    """Measure Jaeger's collector and Elasticsearch."""
    hosts.deploy("elasticsearch", limit="front")
    hosts.send_straight()
    wait_until_written(hosts.indexed, SPANS)
    units = {"jaeger-collector": "front", "elasticsearch": "back"}
    found = per_span(hosts, units, hosts.indexed, hosts.send_straight)
    call(hosts.back, "POST", f"{INDEX}/_flush")
    index = call(hosts.back, "GET", f"{INDEX}/_stats/store,docs")["_all"]["primaries"]
    costs.sizes["elasticsearch"] = index["store"]["size_in_bytes"] / (2 * SPANS)
    costs.cpu_us["jaeger-collector to elasticsearch"] = found["jaeger-collector"]
    costs.cpu_us["elasticsearch"] = found["elasticsearch"]


def measure_kafka(hosts: Hosts, costs: Costs) -> None:
    """Measure Jaeger's collector, Kafka and the ingester."""
    hosts.deploy("kafka")
    hosts.send_straight()
    wait_until_written(hosts.ingested, SPANS)
    before = file_bytes(hosts.back, KAFKA_FILES)
    units = {"jaeger-collector": "front", "kafka": "back", "jaeger-ingester": "back"}
    found = per_span(hosts, units, hosts.ingested, hosts.send_straight)
    costs.sizes["kafka"] = (file_bytes(hosts.back, KAFKA_FILES) - before) / SPANS
    costs.cpu_us["jaeger-collector to kafka"] = found["jaeger-collector"]
    costs.cpu_us["kafka"] = found["kafka"]
    costs.cpu_us["jaeger-ingester to cassandra"] = found["jaeger-ingester"]


def measure() -> dict[str, Any]:
    """Return the content of capacity.json that is measured."""
    costs = Costs({}, {})
    with engines() as hosts:
        measure_collector(hosts, costs)
        floods = {"in memory": median_flood(hosts, "in memory", hosts.saved)}
        measure_cassandra(hosts, costs)
        measure_elasticsearch(hosts, costs)
        measure_kafka(hosts, costs)
        floods["Kafka and Cassandra"] = median_flood(hosts, "Kafka and Cassandra", hosts.ingested)
    sizes = {name: round(size) for name, size in costs.sizes.items()}
    return {"cpu_us": costs.cpu_us, "bytes": sizes, "spans_per_second": floods}


def main() -> None:
    measured = measure()
    run = {"date": datetime.now(UTC).isoformat(timespec="seconds"), "commit": current_commit()}
    capacity = {**run, "machine": machine(), **measured}
    CAPACITY.write_text(json.dumps(capacity, indent=1) + "\n")
    write_page(capacity, PAGE)


if __name__ == "__main__":
    main()
