"""Jaeger's components on an existing Elasticsearch: one process, several, and back."""

from collections.abc import Iterator
from typing import Any

import pytest

from compare_traces import read_trace
from tests.support import contract
from tests.support.commands import assert_no_change, assert_same, wait_for
from tests.support.elasticsearch import Guard, call
from tests.support.lab import (
    Lab,
    assert_only_in_files,
    assert_unchanged,
    failure_output,
    made_with,
)
from tests.support.server import serving
from tests.support.state import host_state

pytestmark = pytest.mark.long

ENGINE = {
    "jaeger_span_storage_type": "elasticsearch",
    "jaeger_elasticsearch_urls": ["http://127.0.0.1:9200"],
    "jaeger_elasticsearch_num_replicas": 0,
    "jaeger_elasticsearch_index_prefix": "lab",
}
SPLIT = {**ENGINE, "jaeger_components": ["collector", "query"]}


@pytest.fixture(scope="module")
def engine(lab) -> Iterator[Lab]:
    """The lab with an Elasticsearch; the end recreates the default lab."""
    with made_with(lab, "elasticsearch"):
        yield lab


def traced(lab: Lab) -> str:
    """Send a request through all modes; return its trace's id once Jaeger has all of it."""
    response = lab.send("car-manual", "/chain")
    assert response["status"] == 200, response

    def is_complete() -> bool:
        trace = read_trace(lab.jaeger, response["trace_id"]) or {"processes": {}}
        services = {process["serviceName"] for process in trace["processes"].values()}
        return len(services) == len(contract.CARS)

    wait_for(is_complete)
    return response["trace_id"]


def active_units(lab: Lab) -> list[str]:
    """Return the names of Jaeger's active units."""
    listed = lab.ssh("systemctl list-units --state=active --plain --no-legend 'jaeger*.service'")
    return sorted(line.split()[0] for line in listed.splitlines())


def test_all_in_one_components_and_back(engine, record_result):
    """Jaeger moves to Elasticsearch, then into two units, then back into one with its own memory
    Each finds the traces that the others wrote to Elasticsearch, and nothing is left behind"""
    before = host_state(engine)
    engine.must_play("site.yml", **ENGINE)
    first = traced(engine)
    wait_for(lambda: call(engine, "GET", f"lab-jaeger-span-*/_count?q=traceID:{first}")["count"])
    engine.ssh("systemctl restart jaeger")
    assert engine.has_trace(first)

    engine.must_play("site.yml", **SPLIT)
    assert active_units(engine) == ["jaeger-collector.service", "jaeger-query.service"]
    assert engine.ssh("find /etc/systemd/system -name 'jaeger.service*'") == ""
    assert engine.has_trace(first)
    second = traced(engine)
    assert_no_change(engine.must_play("site.yml", **SPLIT))
    engine.must_play(contract.VERIFY, **SPLIT)
    status = engine.must_play(contract.STATUS, **SPLIT)
    for line in "jaeger-ui http://", "jaeger-collector http://127.0.0.1:14269/ is active, answers":
        assert line in status

    engine.must_play("site.yml")
    assert active_units(engine) == ["jaeger.service"]
    assert not engine.has_trace(first)
    assert_same(host_state(engine), before, "states of the host")
    for trace_id in first, second:
        found = call(engine, "GET", f"lab-jaeger-span-*/_count?q=traceID:{trace_id}")["count"]
        assert found > 0
    record_result("two traces found by each, no line of the host's state differs")


def test_a_dry_run_from_one_unit_to_several_changes_nothing(engine):
    with assert_unchanged(engine):
        engine.must_play("site.yml", "--check", **SPLIT)


def test_the_password_is_only_in_files_that_others_cannot_read(engine):
    guard = Guard(engine)
    settings = {
        **SPLIT,
        "jaeger_elasticsearch_user": guard.user,
        "jaeger_elasticsearch_password": guard.password,
    }
    with serving(guard):
        guard.open(engine)
        settings["jaeger_elasticsearch_urls"] = [f"http://127.0.0.1:{guard.port}"]
        try:
            wrong = settings | {"jaeger_elasticsearch_password": "another"}
            failure_output(
                engine.play(contract.JAEGER, **wrong),
                "it refused jaeger_elasticsearch_user and jaeger_elasticsearch_password (not "
                "shown). Nothing was changed.",
            )
            output = engine.must_play(contract.JAEGER, "-vvv", "--diff", **settings)
            assert guard.password not in output
            traced(engine)
            units = ["jaeger-collector.service", "jaeger-query.service"]
            copies = [f"/run/credentials/{unit}/engine-password.yaml" for unit in units]
            files = ["/etc/jaeger/engine-password.yaml", *copies]
            assert_only_in_files(engine, guard.password, files, units)
        finally:
            guard.close()
            engine.must_play(contract.JAEGER)
    assert engine.ssh("ls /etc/jaeger") == "ui.json\n"


CASSANDRA = {
    "jaeger_span_storage_type": "cassandra",
    "jaeger_cassandra_servers": ["127.0.0.1"],
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "components": (
        {"jaeger_components": ["all-in-one", "query"]},
        "jaeger_components is all-in-one, query, but must be a list of collector, query and "
        "ingester, each at most once, or of all-in-one alone, such as [collector, query]. Nothing",
    ),
    "memory": (
        {"jaeger_components": ["collector", "query"]},
        "jaeger_components is collector, query, but with jaeger_span_storage_type memory each "
        "component would have traces of its own, which no other reads. Nothing was changed.",
    ),
    "kafka with a query": (
        {"jaeger_span_storage_type": "kafka", "jaeger_components": ["collector", "query"]},
        "jaeger_span_storage_type is kafka, but jaeger_components is collector, query: only a",
    ),
    "kafka without an ingester": (
        {
            "jaeger_span_storage_type": "kafka",
            "jaeger_components": ["collector"],
            "jaeger_kafka_brokers": ["127.0.0.1:9092"],
        },
        "jaeger_span_storage_type is kafka on lab, but no host in the group jaeger has an ingester "
        "for jaeger_kafka_topic jaeger-spans, so no trace would leave Kafka. Nothing was changed.",
    ),
    "no server": (
        {"jaeger_span_storage_type": "cassandra"},
        "jaeger_cassandra_servers is [], but must be a list of names or IPv4 addresses without a",
    ),
    "password in clear": (
        {
            **CASSANDRA,
            "jaeger_cassandra_servers": ["10.0.0.5"],
            "jaeger_cassandra_user": "lab",
            "jaeger_cassandra_password": "no-secret",
        },
        "jaeger_cassandra_password (not shown) would go to another host in clear. Nothing was",
    ),
    "no certificate": (
        {**CASSANDRA, "jaeger_cassandra_ca": "/etc/hostname"},
        "jaeger_cassandra_ca is /etc/hostname, but must be the path of a PEM certificate on the",
    ),
    "no Cassandra": (
        CASSANDRA,
        "lab reaches no Cassandra at jaeger_cassandra_servers (127.0.0.1:9042). Nothing was",
    ),
    "no Elasticsearch": (
        {**ENGINE, "jaeger_elasticsearch_urls": ["http://127.0.0.1:1"]},
        "lab reaches no Elasticsearch at jaeger_elasticsearch_urls (127.0.0.1:1). Nothing was",
    ),
    "another program": (
        {**ENGINE, "jaeger_elasticsearch_urls": ["http://127.0.0.1:8082"]},
        "lab finds no Elasticsearch or OpenSearch at jaeger_elasticsearch_urls",
    ),
    "flag": (
        {**ENGINE, "jaeger_extra_args": ["--es.index-prefix=x"]},
        "jaeger_extra_args has --es.index-prefix, but other parts of the lab rely on what it",
    ),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_before_any_change(engine, settings, message):
    with assert_unchanged(engine):
        ran = engine.play(contract.JAEGER, **settings)
    output = failure_output(ran, message)
    assert_no_change(ran.stdout)
    assert "no-secret" not in output
