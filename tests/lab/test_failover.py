"""Several Jaegers take the spans of one app: the load is shared, and the end of one is survived."""

import platform
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import yaml

from architectures import GO_ARCHITECTURES
from tests.support import contract
from tests.support.commands import wait_for
from tests.support.contract import CAR_APP, CARS, JAEGER, OTEL_COLLECTOR, TEARDOWN
from tests.support.lab import Lab, build_mirror
from tests.support.load import failed, load, lost, results, wait_for_more

pytestmark = pytest.mark.long

# Where apps send directly, a Jaeger that is back gets its share when connections end.
CONNECTION_SECONDS = 10
JAEGER_SETTINGS = {
    "jaeger_collector_otlp_grpc_host_port": "0.0.0.0:4317",
    # What the killed one had written is counted after it is back.
    "jaeger_span_storage_type": "badger",
    "jaeger_extra_args": [f"--collector.otlp.grpc.max-connection-age={CONNECTION_SECONDS}s"],
}
COLLECTOR = "127.0.0.1:24317"
# Spans that a killed Jaeger had taken and not yet written: a batch of each worker at most.
UNWRITTEN = 128


@pytest.fixture(scope="module")
def jaegers(lab) -> Iterator[list[Lab]]:
    """Two more hosts, each with a Jaeger that takes spans from others."""
    both = [Lab(lab.clone, folder) for folder in (".jaeger-1", ".jaeger-2")]
    try:
        for jaeger in both:
            jaeger.folder.mkdir(exist_ok=True)
            jaeger.must_play_here(contract.CREATE_HOSTS)
            jaeger.must_play(JAEGER, **JAEGER_SETTINGS)
        yield both
    finally:
        for jaeger in both:
            jaeger.must_play_here(contract.DESTROY_HOSTS)


@pytest.fixture(scope="module")
def endpoints(jaegers) -> list[str]:
    """Where the two take spans."""
    return [f"http://{jaeger.address}:4317" for jaeger in jaegers]


@pytest.fixture
def direct(lab, endpoints) -> Iterator[Lab]:
    """The lab, whose app sends to both."""
    lab.must_play(CAR_APP, car_app_otlp_endpoint=endpoints)
    yield lab
    lab.must_play(CAR_APP)


@pytest.fixture
def through_collector(lab, endpoints, tmp_path) -> Iterator[Lab]:
    """The lab, whose app sends to a collector beside it, which sends to both."""
    inventory = yaml.safe_load(lab.inventory.read_text())
    inventory["otel_collector"] = {"hosts": {lab.name: None}}
    changed = Lab(lab.clone)
    changed.inventory = tmp_path / "inventory.yml"
    changed.inventory.write_text(yaml.safe_dump(inventory))
    settings = {
        "otel_collector_otlp_grpc_host_port": COLLECTOR,
        "otel_collector_otlp_http_host_port": "127.0.0.1:24318",
        "otel_collector_backends": ["jaeger"],
        "otel_collector_jaeger_endpoint": endpoints,
    }
    if "otel_collector_release_url" in inventory["all"]["vars"]:
        # What `make lab` serves to the host has no collector.
        here = GO_ARCHITECTURES[platform.machine()]
        build_mirror(mirror_collector=True, mirror_architectures=[here])
    changed.must_play(OTEL_COLLECTOR, **settings)
    changed.must_play(CAR_APP, car_app_otlp_endpoint=f"http://{COLLECTOR}")
    yield changed
    changed.must_play(TEARDOWN, "--limit", lab.name)
    lab.must_play("site.yml")


def found(jaegers: list[Lab], responses: list[dict]) -> dict[str, set[int]]:
    """Return which of two Jaegers (0, 1) have each request's trace, by the trace's id."""

    def owners(response: dict) -> set[int]:
        return {n for n, jaeger in enumerate(jaegers) if jaeger.has_trace(response["trace_id"])}

    with ThreadPoolExecutor(8) as pool:
        return dict(
            zip((r["trace_id"] for r in responses), pool.map(owners, responses), strict=True)
        )


def shares(owners: dict[str, set[int]]) -> list[int]:
    """Return how many traces each of two Jaegers has."""
    return [sum(n in who for who in owners.values()) for n in (0, 1)]


def missing_traces(jaegers: list[Lab], responses: list[dict]) -> list[dict]:
    """Return the answered requests whose traces no Jaeger has, once none came for a minute."""
    return lost(
        jaegers[0],
        responses,
        is_there=lambda trace_id: any(jaeger.has_trace(trace_id) for jaeger in jaegers),
    )


def wait_for_traces_in(jaeger: Lab, lab: Lab, unit: str, seconds: float) -> None:
    """Send requests to a mode until a Jaeger has the trace of one."""
    sent: list[str] = []

    def arrived() -> bool:
        sent.append(lab.send(unit)["trace_id"])
        return any(jaeger.has_trace(trace_id) for trace_id in sent)

    wait_for(arrived, seconds)


def survive(lab: Lab, jaegers: list[Lab], record: Callable[[str], None], back: float) -> list[Any]:
    """Kill the first of two Jaegers under load, and check what became of each request.

    Returns how many traces each had before that. A new request reaches it again within `back`
    seconds after its start.
    """
    with load(lab) as sent:
        wait_for_more(sent, 100)
        before = list(sent)
        at = time.monotonic()
        # At once, because a killed one would be started again after a second.
        jaegers[0].ssh("systemctl kill --signal=KILL jaeger; systemctl stop jaeger")
        away = time.monotonic()
        wait_for_more(sent, 200)
    responses = results(sent)
    try:
        # The one that is left has everything that was asked since.
        after = [response for response in responses if response["at"] > away]
        assert missing_traces(jaegers[1:], after) == []
    finally:
        jaegers[0].ssh("systemctl start jaeger")
    started = time.monotonic()
    wait_for_traces_in(jaegers[0], lab, CARS[0], back)
    seconds = time.monotonic() - started
    assert failed(responses) == {}
    missing = missing_traces(jaegers, responses)
    assert all(response["at"] < at for response in missing)
    assert len(missing) * 3 <= UNWRITTEN
    first = shares(found(jaegers, [response.result() for response in before]))
    acknowledged = shares(found(jaegers, [r for r in responses if r["at"] <= away]))[0]
    record(
        f"{len(responses)} requests, none failed; before, {first[0]} and {first[1]} traces; the "
        f"killed one had acknowledged {acknowledged} traces, of which {len(missing)} were not on "
        f"its disk, and got spans again {seconds:.0f} s after its start"
    )
    return first


def test_apps_that_know_two_jaegers_survive_the_end_of_one(direct, jaegers, record_result):
    """One of two Jaegers is killed at 20 requests a second to apps that know both
    No request fails; what it had not acknowledged arrives at the other one, and it gets its share
    again once it is back"""
    first = survive(direct, jaegers, record_result, back=CONNECTION_SECONDS + 30)
    # Not all modes begin with the same one.
    assert min(first) > sum(first) / 6


def test_a_collector_that_knows_two_jaegers_survives_the_end_of_one(
    through_collector, jaegers, record_result
):
    """One of two Jaegers is killed at 20 requests a second to a collector that knows both
    No request fails; what it had not acknowledged arrives at the other one, and it gets its share
    again once it is back"""
    first = survive(through_collector, jaegers, record_result, back=150)
    # Requests alternate, and each has the spans of half a second of some workers.
    assert min(first) > 0
