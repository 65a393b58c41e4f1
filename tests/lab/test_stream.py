"""Kafka between Jaeger's collector and its ingester: what it keeps while the storage is away."""

import time
from collections.abc import Iterator

import pytest

from tests.support.commands import wait_for
from tests.support.lab import Lab, stopped
from tests.support.load import failed, load, results, wait_for_more
from tests.support.scenario import SPANS, hosts, missing_spans, summary

pytestmark = pytest.mark.long
GROUPS = "/opt/kafka/bin/kafka-consumer-groups.sh"
PARTITIONS = 3
OUTAGE = 300


@pytest.fixture(scope="module")
def stream(clone) -> Iterator[dict[str, Lab]]:
    """The hosts of the scenario stream, by name."""
    with hosts(clone, "stream", "lab/cassandra.yml", "lab/kafka.yml") as labs:
        yield labs


def lag(back: Lab) -> int | None:
    """Return how many spans in Kafka the ingester has not yet written, as Kafka's tool shows it.

    None if it has not yet written a span of every partition. Until then Kafka does not know where
    it is, and a restart would begin with the newest span.
    """
    output = back.ssh(
        f"{GROUPS} --bootstrap-server {back.address}:9092 --describe --group jaeger-ingester"
    )
    rows = [line.split() for line in output.splitlines()]
    lags = [row[5] for row in rows if len(row) > 5 and row[0] == "jaeger-ingester"]
    return sum(map(int, lags)) if len(lags) == PARTITIONS and "-" not in lags else None


@pytest.fixture
def settled(stream) -> dict[str, Lab]:
    """The hosts, once the ingester has written spans of every partition, and all there were."""
    with load(stream["front"]) as sent:
        wait_for_more(sent)
    wait_for(lambda: lag(stream["back"]) == 0, 180)
    return stream


def test_an_outage_of_the_storage_loses_nothing(settled, record_result):
    """Cassandra, to which the ingester writes, is stopped at 20 requests a second
    No request fails; Kafka keeps the spans, its lag shows how many, and none is missing
    afterwards"""
    front, back = settled["front"], settled["back"]
    with load(front) as sent:
        wait_for_more(sent)
        with stopped(back, "cassandra"):
            # The fault itself is a time.
            time.sleep(OUTAGE)
            most = lag(back)
        wait_for_more(sent)
    responses = results(sent)
    assert failed(responses) == {}
    assert most > SPANS * OUTAGE
    wait_for(lambda: lag(back) == 0, 300)
    assert missing_spans(back, responses) == 0
    record_result(
        f"{OUTAGE} s, {len(responses)} requests, no span lost; the lag was {most} spans, then 0"
    )


def test_a_collector_killed_meanwhile_loses_only_what_it_was_sending(settled, record_result):
    """The collector is killed (SIGKILL) five times while Cassandra is stopped
    No request fails; lost are only spans that it had acknowledged and not yet sent to Kafka"""
    front, back = settled["front"], settled["back"]
    with load(front) as sent, stopped(back, "cassandra"):
        for _ in range(5):
            wait_for_more(sent)
            front.ssh("systemctl kill --signal=KILL jaeger-collector")
        wait_for_more(sent)
    responses = results(sent)
    assert failed(responses) == {}
    wait_for(lambda: lag(back) == 0, 300)
    lost = missing_spans(back, responses)
    # What comes in a second.
    assert lost <= 5 * SPANS * 20
    record_result(summary(responses, lost))


def test_a_killed_ingester_loses_nothing(settled, record_result):
    """The ingester is killed (SIGKILL) five times at 20 requests a second
    No request fails, and no span is missing afterwards"""
    front, back = settled["front"], settled["back"]
    with load(front) as sent:
        for _ in range(5):
            wait_for_more(sent)
            back.ssh("systemctl kill --signal=KILL jaeger-ingester")
        wait_for_more(sent)
    responses = results(sent)
    assert failed(responses) == {}
    wait_for(lambda: lag(back) == 0, 300)
    assert missing_spans(back, responses) == 0
    record_result(f"{len(responses)} requests, no span lost")
