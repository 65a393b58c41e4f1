"""Jaeger's components: their units, listeners and flags, and what cannot work."""

import pytest

from jaeger_components import (
    component_errors,
    component_flags,
    component_listeners,
    component_units,
    engine_errors,
    jaeger_hosts,
    split_stores,
    unread_errors,
    unread_warnings,
)

SOCKETS = [
    {
        "components": ["all-in-one", "query"],
        "transport": "tcp",
        "flag": "query.http-server.host-port",
        "host_port": "127.0.0.1:16686",
        "setting": "jaeger_query_http_server_host_port",
    },
    {
        "components": ["all-in-one", "collector"],
        "transport": "tcp",
        "flag": "admin.http.host-port",
        "host_port": "127.0.0.1:14269",
    },
    {
        "components": ["query"],
        "transport": "tcp",
        "flag": "admin.http.host-port",
        "host_port": "127.0.0.1:16687",
    },
]
CASSANDRA = {
    "jaeger_span_storage_type": "cassandra",
    "jaeger_cassandra_servers": ["10.0.0.5"],
}
STREAM = {"jaeger_span_storage_type": "kafka", "jaeger_kafka_brokers": ["10.0.0.7:9092"]}
ENGINE = {
    "jaeger_cassandra_servers": ["10.0.0.5", "node.example.org"],
    "jaeger_cassandra_keyspace": "jaeger_v1_dc1",
    "jaeger_cassandra_datacenter": "datacenter1",
    "jaeger_cassandra_user": "",
    "jaeger_cassandra_password": "",
    "jaeger_elasticsearch_urls": ["https://es.example.org:9200", "http://10.0.0.5:9200/es"],
    "jaeger_elasticsearch_index_prefix": "",
    "jaeger_elasticsearch_user": "",
    "jaeger_elasticsearch_password": "",
    "jaeger_kafka_brokers": ["10.0.0.7:9092"],
    "jaeger_kafka_topic": "jaeger-spans",
}


@pytest.mark.parametrize(
    ("components", "listeners"),
    [
        (["all-in-one"], ["jaeger.service 16686", "jaeger.service 14269"]),
        (["collector"], ["jaeger-collector.service 14269"]),
        (["query"], ["jaeger-query.service 16686", "jaeger-query.service 16687"]),
    ],
)
def test_each_component_has_its_own_listeners(components, listeners):
    found = component_listeners(SOCKETS, components)
    assert [f"{each['unit']} {each['host_port'][10:]}" for each in found] == listeners


def test_a_listener_takes_its_port_over_from_the_units_that_are_removed():
    (listener,) = component_listeners(SOCKETS, ["collector"])
    assert listener["replaces"] == [
        "jaeger-ingester.service",
        "jaeger-query.service",
        "jaeger.service",
    ]


def test_a_units_files_are_its_program_and_the_common_ones():
    assert component_units(["all-in-one", "query"], ["/etc/x"]) == [
        {"unit": "jaeger.service", "files": ["/usr/local/bin/jaeger-all-in-one", "/etc/x"]},
        {"unit": "jaeger-query.service", "files": ["/usr/local/bin/jaeger-query", "/etc/x"]},
    ]


@pytest.mark.parametrize(
    ("component", "flags"),
    [
        ("collector", ["--log-level", "debug", "--collector.tags=a=b"]),
        ("query", ["--log-level", "debug", "--query.max-clock-skew-adjustment", "3s"]),
        ("ingester", ["--log-level", "debug"]),
    ],
)
def test_a_component_gets_the_flags_that_it_knows(component, flags):
    arguments = ["--log-level", "debug", "--query.max-clock-skew-adjustment", "3s"]
    assert component_flags([*arguments, "--collector.tags=a=b"], component) == flags


def test_all_in_one_gets_the_flags_of_collector_and_query():
    arguments = ["--query.x=1", "--collector.x=1", "--memory.x=1"]
    assert component_flags(arguments, "all-in-one") == arguments


@pytest.mark.parametrize(
    ("components", "storage"),
    [
        (["all-in-one"], "memory"),
        (["all-in-one"], "badger"),
        (["all-in-one"], "cassandra"),
        (["collector", "query"], "cassandra"),
        (["query"], "opensearch"),
        (["ingester"], "elasticsearch"),
        (["collector"], "kafka"),
    ],
)
def test_components_with_a_store_in_common_are_accepted(components, storage):
    assert component_errors(components, storage) == []


@pytest.mark.parametrize(
    "components",
    ["collector", [], ["agent"], ["query", "query"], ["all-in-one", "query"], ["collector", 1]],
)
def test_other_components_are_refused(components):
    (message,) = component_errors(components, "cassandra")
    assert message.startswith("jaeger_components is ")
    assert "but must be a list of collector, query and ingester" in message
    assert "Nothing was changed." in message


@pytest.mark.parametrize("storage", ["memory", "badger"])
def test_components_without_a_store_in_common_are_refused(storage):
    (message,) = component_errors(["collector", "query"], storage)
    assert f"with jaeger_span_storage_type {storage} each component would have" in message


@pytest.mark.parametrize(
    "components", [["all-in-one"], ["query"], ["ingester"], ["collector", "query"]]
)
def test_kafka_is_refused_for_all_but_a_collector(components):
    (message,) = component_errors(components, "kafka")
    assert "only a collector writes to Kafka" in message


def test_the_hosts_of_a_part_are_those_of_its_component_or_all_in_one():
    hosts = {
        "plain": {},
        "write": {"jaeger_components": ["collector"]},
        "read": {"jaeger_components": ["query"]},
        "stream": {"jaeger_components": ["ingester"]},
    }
    assert jaeger_hosts(hosts, hosts, "query") == ["plain", "read"]
    assert jaeger_hosts(hosts, hosts, "collector") == ["plain", "write"]
    assert jaeger_hosts(hosts, hosts, "ingester") == ["stream"]


@pytest.mark.parametrize("storage", ["cassandra", "elasticsearch", "opensearch", "kafka"])
def test_settings_of_an_engine_are_accepted(storage):
    assert engine_errors(ENGINE, storage, ["collector"], False) == []


@pytest.mark.parametrize(
    ("storage", "name", "value"),
    [
        ("cassandra", "jaeger_cassandra_servers", []),
        ("cassandra", "jaeger_cassandra_servers", "10.0.0.5"),
        ("cassandra", "jaeger_cassandra_servers", ["10.0.0.5:9042"]),
        ("cassandra", "jaeger_cassandra_keyspace", "Jaeger"),
        ("cassandra", "jaeger_cassandra_keyspace", "jaeger; DROP"),
        ("cassandra", "jaeger_cassandra_datacenter", "dc'1"),
        ("elasticsearch", "jaeger_elasticsearch_urls", ["es.example.org"]),
        ("opensearch", "jaeger_elasticsearch_urls", ["http://me:phrase@es:9200"]),
        ("elasticsearch", "jaeger_elasticsearch_urls", ["http://es:9200/"]),
        ("elasticsearch", "jaeger_elasticsearch_index_prefix", "Lab"),
        ("kafka", "jaeger_kafka_brokers", ["10.0.0.7"]),
        ("kafka", "jaeger_kafka_topic", "a b"),
        ("kafka", "jaeger_kafka_topic", ""),
    ],
)
def test_a_wrong_setting_of_an_engine_is_refused(storage, name, value):
    (message,) = engine_errors({**ENGINE, name: value}, storage, ["collector"], False)
    assert message.startswith(f"{name} is ")
    assert message.endswith("Nothing was changed.")
    assert "phrase" not in message


def test_an_ingester_needs_kafka_too():
    settings = {**ENGINE, "jaeger_kafka_brokers": []}
    (message,) = engine_errors(settings, "cassandra", ["ingester"], False)
    assert message.startswith("jaeger_kafka_brokers is [], but must be a list")


@pytest.mark.parametrize(
    ("user", "password"), [("me", ""), ("", "phrase"), ("me", "phr\nase"), ("m e", "phrase")]
)
@pytest.mark.parametrize("engine", ["cassandra", "elasticsearch"])
def test_a_user_without_a_password_is_refused_and_the_password_not_shown(engine, user, password):
    wrong = {f"jaeger_{engine}_user": user, f"jaeger_{engine}_password": password}
    (message,) = engine_errors({**ENGINE, **wrong}, engine, ["query"], False)
    assert f"jaeger_{engine}_password (not shown) is " in message
    assert "phr" not in message


@pytest.mark.parametrize("engine", ["cassandra", "elasticsearch"])
def test_a_password_to_another_host_in_clear_is_refused(engine):
    right = {f"jaeger_{engine}_user": "me", f"jaeger_{engine}_password": "phrase"}
    assert engine_errors({**ENGINE, **right}, engine, ["query"], False) == []
    (message,) = engine_errors({**ENGINE, **right}, engine, ["query"], True)
    assert "would go to another host in clear. Nothing was changed." in message


def test_kafka_without_an_ingester_is_refused():
    hosts = {
        "write": {**STREAM, "jaeger_components": ["collector"]},
        "read": {**CASSANDRA, "jaeger_components": ["query"]},
    }
    (message,) = unread_errors("write", hosts, hosts)
    assert "no host in the group jaeger has an ingester for jaeger_kafka_topic" in message
    assert unread_errors("read", hosts, hosts) == []
    hosts["stream"] = {**CASSANDRA, "jaeger_components": ["ingester"]}
    assert unread_errors("write", hosts, hosts) == []
    hosts["stream"]["jaeger_kafka_topic"] = "another"
    assert len(unread_errors("write", hosts, hosts)) == 1


def test_spans_that_no_query_reads_are_reported():
    hosts = {
        "write": {**CASSANDRA, "jaeger_components": ["collector"]},
        "stream": {**CASSANDRA, "jaeger_components": ["ingester"]},
        "plain": {},
        "kafka": {**STREAM, "jaeger_components": ["collector"]},
    }
    for host in ("write", "stream"):
        (message,) = unread_warnings(host, hosts, hosts)
        assert message.startswith(f"{host} writes spans to cassandra (jaeger_v1_dc1), and no host")
    for host in ("plain", "kafka"):
        assert unread_warnings(host, hosts, hosts) == []
    hosts["read"] = {**CASSANDRA, "jaeger_components": ["query"]}
    assert unread_warnings("write", hosts, hosts) == []
    hosts["read"]["jaeger_cassandra_keyspace"] = "another"
    assert len(unread_warnings("write", hosts, hosts)) == 1


def test_endpoints_of_several_jaegers_with_stores_of_their_own_would_split_the_traces():
    one, two = "http://10.0.0.5:4317", "http://10.0.0.6:4317"
    hosts = {"one": {"ansible_host": "10.0.0.5"}, "two": {"ansible_host": "10.0.0.6"}}
    assert split_stores([one, two], hosts, hosts) == ["one", "two"]
    assert split_stores(["http://one:4317", "http://two:4317"], hosts, hosts) == ["one", "two"]
    for endpoints in one, [one], [one, "http://10.0.0.7:4317"]:
        assert split_stores(endpoints, hosts, hosts) == []
    engine = {host: {**CASSANDRA, **variables} for host, variables in hosts.items()}
    assert split_stores([one, two], engine, engine) == []
