"""Jaeger's parts on two hosts with two Cassandra nodes: what is left when one of them is killed."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support import contract
from tests.support.commands import wait_for
from tests.support.lab import Lab
from tests.support.load import Sent, failed, load, results, wait_for_more
from tests.support.scenario import SPANS, hosts, incomplete, missing_spans, summary

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def cluster(clone) -> Iterator[dict[str, Lab]]:
    """The hosts of the scenario cluster, by name."""
    with hosts(clone, "cluster", "lab/cassandra.yml") as labs:
        yield labs


def bound(back: Lab) -> int:
    """Return how many spans a jaeger-collector may have acknowledged and not yet written."""
    command = back.ssh("systemctl show --property=ExecStart jaeger-collector")
    queue = re.search(r"--collector.queue-size=(\d+)", command)
    # And each of its writers one: --collector.num-workers.
    return int(queue[1]) + 50


@contextmanager
def load_on_both(cluster: dict[str, Lab]) -> Iterator[list[Sent]]:
    """Send 10 requests a second to each of the two hosts with the cars."""
    with load(cluster["front-1"], 10) as one, load(cluster["front-2"], 10) as other:
        yield [one, other]


@contextmanager
def killed(lab: Lab, unit: str) -> Iterator[None]:
    """Kill a unit (SIGKILL), and keep it from being restarted until the end."""
    lab.ssh(f"systemctl kill --signal=KILL {unit}; systemctl stop {unit}")
    try:
        yield
    finally:
        lab.ssh(f"systemctl start {unit}")


def wait_for_both(sent: list[Sent]) -> None:
    """Wait until each of the two hosts got 40 more requests."""
    for each in sent:
        wait_for_more(each)


def answered(sent: list[Sent]) -> list[dict]:
    """Return the responses of both hosts, none of which failed."""
    responses = [response for each in sent for response in results(each)]
    assert failed(responses) == {}
    return responses


def all_hints_are_sent(node: Lab) -> bool:
    """Return whether a Cassandra node has nothing left that another one missed.

    It writes what it notices into a file within a second, and removes that once it is sent.
    """
    return all(node.ssh("ls /var/lib/cassandra/hints") == "" for _ in range(10))


def test_both_queries_have_the_traces_of_both_hosts(cluster):
    responses = [
        cluster[front].send(unit) for front in ("front-1", "front-2") for unit in contract.CARS
    ]
    assert failed(responses) == {}
    for back in "back-1", "back-2":
        assert missing_spans(cluster[back], responses) == 0


def test_a_killed_cassandra_node_loses_only_what_was_being_written(cluster, record_result):
    """A Cassandra node of two, with two replicas, is killed (SIGKILL) at 20 requests a second
    No request fails, and both queries have every span, but for a few that were being written; back
    again, the node gets what it missed, and serves it alone"""
    one, other = cluster["back-1"], cluster["back-2"]
    with load_on_both(cluster) as sent:
        wait_for_both(sent)
        begun = time.monotonic()
        with killed(one, "cassandra"):
            gone = time.monotonic()
            wait_for_both(sent)
            so_far = [[*each] for each in sent]
            meanwhile = [incomplete(back, answered(so_far)) for back in (one, other)]
        wait_for_both(sent)
    responses = answered(sent)
    wait_for(lambda: all_hints_are_sent(other), 300)
    missing = incomplete(other, responses)
    with killed(other, "cassandra"):
        alone = incomplete(other, responses)
    # A write is acknowledged by one node, before the other one has it. A request sleeps for a
    # second, and its spans are written within another one.
    for lost in *meanwhile, missing, alone:
        assert all(begun - 3 < response["at"] < gone for response in lost)
    record_result(
        f"{len(responses)} requests; traces without all spans: {len(missing) or 'none'}; meanwhile "
        f"{max(map(len, meanwhile)) or 'none'}, and {len(alone) or 'none'} from the returned node "
        "alone"
    )


def test_a_killed_query_loses_nothing(cluster, record_result):
    """A jaeger-query of two is killed (SIGKILL) at 20 requests a second
    No request fails, and the other one has every span"""
    with load_on_both(cluster) as sent:
        wait_for_both(sent)
        with killed(cluster["back-1"], "jaeger-query"):
            wait_for_both(sent)
            lost = missing_spans(cluster["back-2"], answered([[*each] for each in sent]))
    assert lost == 0
    record_result(summary(answered(sent), lost))


def test_a_killed_collector_loses_only_what_it_was_writing(cluster, record_result):
    """One jaeger-collector of two is killed (SIGKILL) in turn, six times, at 20 requests a second
    No request fails; lost are only spans that it had acknowledged and not yet written"""
    with load_on_both(cluster) as sent:
        # The one that is left gets all, and is the next.
        for back in ["back-1", "back-2"] * 3:
            wait_for_both(sent)
            with killed(cluster[back], "jaeger-collector"):
                wait_for_both(sent)
    responses = answered(sent)
    lost = missing_spans(cluster["back-2"], responses)
    # What comes in a second; its queue is empty while Cassandra answers.
    assert lost <= 6 * SPANS * 20
    record_result(summary(responses, lost))


def test_collectors_killed_while_cassandra_hangs_lose_their_queues(cluster, record_result):
    """Both Cassandra nodes hang (SIGSTOP) for 200 requests, then both jaeger-collectors are killed
    No request fails; lost is at most what fits into their queues, 20 000 spans each"""
    backs = [cluster["back-1"], cluster["back-2"]]
    with load_on_both(cluster) as sent:
        wait_for_both(sent)
        before = sum(map(len, sent))
        for back in backs:
            back.ssh("systemctl kill --signal=STOP cassandra")
        try:
            for each in sent:
                wait_for_more(each, 100)
            for back in backs:
                back.ssh("systemctl kill --signal=KILL jaeger-collector")
            meanwhile = sum(map(len, sent)) - before
        finally:
            for back in backs:
                back.ssh("systemctl kill --signal=CONT cassandra")
        wait_for_both(sent)
    responses = answered(sent)
    lost = missing_spans(backs[1], responses)
    # Those of a second before, which were being written, are lost too.
    assert 0 < lost <= min(SPANS * (meanwhile + 20), 2 * bound(backs[0]))
    record_result(summary(responses, lost))


def test_teardown_leaves_the_engine_alone(cluster):
    cluster["back-1"].must_play(contract.TEARDOWN)
    for name in "back-1", "back-2":
        left = cluster[name].ssh(
            "find /etc /opt /run/systemd /usr/local /var/lib -iname '*jaeger*'"
            " -not -path '/var/lib/cassandra/*'; getent passwd jaeger || true"
        )
        assert left == ""
        assert cluster[name].ssh("systemctl is-active cassandra") == "active\n"
    for name in "front-1", "front-2":
        assert cluster[name].ssh("find /etc /opt /var/lib -name 'car-*'") == ""
