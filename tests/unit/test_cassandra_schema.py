"""The module that creates Jaeger's schema in Cassandra, with a stand-in for a session."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from cassandra_schema import RefusedError, missing_statements, statements
from tests.support.commands import REPOSITORY

SCHEMA = (REPOSITORY / "roles/jaeger/files/cassandra/v004.cql.tmpl").read_text()
KEYSPACE = "jaeger_v1_dc1"
OBJECTS = list(statements(SCHEMA, KEYSPACE, "{}"))


class Node:
    """A node of a data centre."""

    def __init__(self, datacenter: str):
        self.datacenter = datacenter


class Cluster:
    """A session with nodes in some data centres, which has the objects that were created."""

    def __init__(self, *objects: str, nodes: tuple[str, ...] = ("dc1",)):
        self.objects, self.nodes = list(objects), nodes

    def get_pool_state(self) -> dict[Any, Any]:
        return {Node(name): {} for name in self.nodes}

    def execute(self, query: str, parameters: Any = None) -> list[SimpleNamespace]:
        if created := re.match(r"CREATE (KEYSPACE|TYPE|TABLE) IF NOT EXISTS (\S+)", query):
            self.objects.append(" ".join(created.groups()))
            return []
        column, kind = re.search(r"SELECT (\w+) FROM system_schema\.(\w+?)s ", query).groups()
        found = [o.split(" ")[1] for o in self.objects if o.startswith(kind.upper())]
        own = [name.split(".")[-1] for name in found if name.split(".")[0] == parameters[0]]
        return [SimpleNamespace(**{column: name}) for name in own]


def missing(cluster: Cluster, datacenter: str = "dc1", replicas: int = 1) -> list[str]:
    return list(missing_statements(cluster, SCHEMA, KEYSPACE, datacenter, replicas))


def test_the_schema_has_a_keyspace_and_all_tables_in_order():
    assert OBJECTS[0] == f"KEYSPACE {KEYSPACE}"
    assert OBJECTS[-1] == f"TABLE {KEYSPACE}.leases"
    kinds = [name.split(" ")[0] for name in OBJECTS]
    assert [kinds.count(kind) for kind in ("KEYSPACE", "TYPE", "TABLE")] == [1, 5, 11]


def test_every_statement_is_complete_and_may_be_repeated():
    for statement in statements(SCHEMA, KEYSPACE, "{'class': 'X'}").values():
        assert " IF NOT EXISTS " in statement
        assert "${" not in statement
        assert "--" not in statement


def test_an_empty_cluster_gets_everything_and_a_complete_one_nothing():
    cluster = Cluster()
    wanted = missing_statements(cluster, SCHEMA, KEYSPACE, "dc1", 1)
    assert "{'class': 'NetworkTopologyStrategy', 'dc1': '1'}" in next(iter(wanted.values()))
    for statement in wanted.values():
        cluster.execute(statement)
    assert cluster.objects == OBJECTS
    assert missing(cluster) == []


@pytest.mark.parametrize("count", range(len(OBJECTS)))
def test_another_run_completes_an_interrupted_one(count):
    assert missing(Cluster(*OBJECTS[:count])) == OBJECTS[count:]


def test_a_table_more_changes_nothing():
    assert missing(Cluster(*OBJECTS, f"TABLE {KEYSPACE}.notes")) == []


@pytest.mark.parametrize("old", ["operation_names", "dependencies"])
def test_an_older_schema_is_refused(old):
    found = [name for name in OBJECTS if not name.endswith(("_v2", "leases"))]
    with pytest.raises(RefusedError, match="has an older schema of Jaeger") as refused:
        missing(Cluster(*found, f"TABLE {KEYSPACE}.{old}"))
    assert "Nothing was changed. Name another keyspace" in str(refused.value)


def test_tables_of_another_program_are_refused():
    with pytest.raises(RefusedError, match=r"has tables of another program: orders\. "):
        missing(Cluster(OBJECTS[0], f"TABLE {KEYSPACE}.orders"))


def test_another_keyspace_does_not_count():
    assert missing(Cluster("KEYSPACE other", "TABLE other.traces")) == OBJECTS


def test_too_few_nodes_for_a_new_keyspace_are_refused():
    cluster = Cluster(nodes=("dc1", "dc2"))
    with pytest.raises(RefusedError, match="but only 1 of the nodes in the data centre dc1"):
        missing(cluster, replicas=2)
    assert missing(Cluster(nodes=("dc1", "dc1")), replicas=2) == OBJECTS


def test_a_node_that_is_down_does_not_matter_to_a_complete_keyspace():
    assert missing(Cluster(*OBJECTS), replicas=2) == []


def test_an_unknown_data_centre_is_refused():
    with pytest.raises(RefusedError, match="the nodes that are up belong to dc1, dc2"):
        missing(Cluster(nodes=("dc2", "dc1")), datacenter="datacenter1")
