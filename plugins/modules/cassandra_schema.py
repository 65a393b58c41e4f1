#!/usr/bin/python
"""Ansible module: create the keyspace and the tables that Jaeger needs in a Cassandra."""

DOCUMENTATION = r"""
module: cassandra_schema
short_description: Create Jaeger's keyspace and tables in an existing Cassandra
description:
  - Creates what is missing, in the order of the schema, so that another run completes what an
    interrupted one began. It never alters or removes what is there.
  - Fails before any change if no node answers, if there is no such data centre, if the keyspace
    has other tables than the schema, or if a new one would have more replicas than nodes that are
    up.
  - Needs the Python module cassandra on the host (Debian, Ubuntu C(python3-cassandra)).
author: The otel-lab developers (!UNKNOWN)
options:
  servers:
    description: Addresses of nodes, such as C(10.0.0.5). One that answers is enough.
    type: list
    elements: str
    required: true
  port:
    description: Port of the nodes.
    type: int
    default: 9042
  keyspace:
    description: Name of the keyspace, such as C(jaeger_v1_dc1).
    type: str
    required: true
  datacenter:
    description: Data centre that keeps the replicas of a new keyspace, such as C(datacenter1).
    type: str
    required: true
  replication_factor:
    description: Number of replicas in a new keyspace.
    type: int
    required: true
  user:
    description: User to log in as; none if empty.
    type: str
    default: ""
  password:
    description: The user's password.
    type: str
    default: ""
  ca:
    description: PEM certificate that must have signed those of the nodes; no TLS if empty.
    type: str
    default: ""
  schema:
    description:
      - Jaeger's template of the schema, of statements C(CREATE ... IF NOT EXISTS).
    type: str
    required: true
"""
EXAMPLES = r"""
- name: Create the keyspace and the tables
  otel_lab.tracing.cassandra_schema:
    servers: [10.0.0.5, 10.0.0.6]
    keyspace: jaeger_v1_dc1
    datacenter: datacenter1
    replication_factor: 2
    schema: "{{ lookup('ansible.builtin.file', 'cassandra/v004.cql.tmpl') }}"
"""
RETURN = r"""
created:
  description: The objects that were missing, such as C(TABLE jaeger_v1_dc1.traces), in order.
  type: list
  elements: str
  returned: always
"""

import re
import ssl
from collections.abc import Mapping
from string import Template
from typing import Any, Protocol

from ansible.module_utils.basic import AnsibleModule

CREATE = re.compile(r"CREATE (KEYSPACE|TYPE|TABLE) IF NOT EXISTS (\S+)")
# Seconds; the first is Jaeger's own default, the second is for no limit.
TRACE_TTL = 172800
DEPENDENCIES_TTL = 0
# What Jaeger's older schemas have in place of operation_names_v2 and dependencies_v2.
OLD_TABLES = {"operation_names", "dependencies"}


class Host(Protocol):
    """A node, as far as this module uses the driver's."""

    datacenter: str


class Session(Protocol):
    """A connection to the cluster, as far as this module uses the driver's."""

    def execute(self, query: str, parameters: Any = None) -> Any: ...

    def get_pool_state(self) -> Mapping[Any, Any]:
        """Return the state of the connections to each node that has some."""


class RefusedError(Exception):
    """Why the schema cannot be created, and the fix."""


def statements(schema: str, keyspace: str, replication: str) -> dict[str, str]:
    """Return the schema's statements by what they create, such as "TABLE jaeger.traces"."""
    text = re.sub(r"--.*", "", schema)
    filled = Template(text).substitute(
        keyspace=keyspace,
        replication=replication,
        trace_ttl=TRACE_TTL,
        dependencies_ttl=DEPENDENCIES_TTL,
        # As Jaeger's own script: thirty windows in the time that traces are kept.
        compaction_window_size=TRACE_TTL // 60 // 30,
        compaction_window_unit="MINUTES",
    )
    found = {}
    for statement in filter(None, map(str.strip, filled.split(";"))):
        kind, name = CREATE.match(statement).groups()  # type: ignore[union-attr]
        found[f"{kind} {name}"] = statement
    return found


def names(session: Session, table: str, column: str, keyspace: str) -> set[str]:
    """Return one column of what system_schema has of a keyspace."""
    query = f"SELECT {column} FROM system_schema.{table} WHERE keyspace_name = %s"
    return {getattr(row, column) for row in session.execute(query, (keyspace,))}


def missing_statements(
    session: Session, schema: str, keyspace: str, datacenter: str, replication_factor: int
) -> dict[str, str]:
    """Return the statements that create what is missing, in order.

    Raises RefusedError if the cluster or the keyspace is not as the schema needs it.
    """
    up = [host.datacenter for host in session.get_pool_state()]
    if datacenter not in up:
        raise RefusedError(
            f"jaeger_cassandra_datacenter is {datacenter}, but the nodes that are up belong to "
            f"{', '.join(sorted(set(up)))}. Nothing was changed. Correct it."
        )
    replication = f"{{'class': 'NetworkTopologyStrategy', '{datacenter}': '{replication_factor}'}}"
    wanted = statements(schema, keyspace, replication)
    tables = names(session, "tables", "table_name", keyspace)
    found = {
        *(f"KEYSPACE {name}" for name in names(session, "keyspaces", "keyspace_name", keyspace)),
        *(f"TYPE {keyspace}.{name}" for name in names(session, "types", "type_name", keyspace)),
        *(f"TABLE {keyspace}.{name}" for name in tables),
    }
    missing = {name: statement for name, statement in wanted.items() if name not in found}
    if not missing:
        return {}
    # An interrupted run leaves the first statements' objects.
    first_missing = list(wanted).index(next(iter(missing)))
    if tables & OLD_TABLES or found - set(list(wanted)[:first_missing]):
        absent = [name.split(".")[-1] for name in missing if name.startswith("TABLE ")]
        has = "an older schema of Jaeger" if tables & OLD_TABLES else "tables of another program"
        raise RefusedError(
            f"The keyspace {keyspace} has {has}: {', '.join(sorted(tables))}. Jaeger needs its "
            f"schema v004, of which {', '.join(absent)} is missing. Nothing was changed. Name "
            "another keyspace in jaeger_cassandra_keyspace, which is then created, or migrate this "
            "one as Jaeger's documentation says."
        )
    if f"KEYSPACE {keyspace}" in missing and up.count(datacenter) < replication_factor:
        raise RefusedError(
            f"jaeger_cassandra_replication_factor is {replication_factor}, but only "
            f"{up.count(datacenter)} of the nodes in the data centre {datacenter} can be reached. "
            "Nothing was changed. Start the other nodes, or set a lower number."
        )
    return missing


def connect(parameters: Mapping[str, Any]) -> Session:
    """Return a session with the cluster. Raises RefusedError if no node takes it."""
    from cassandra.auth import PlainTextAuthProvider
    from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile, NoHostAvailable
    from cassandra.policies import RoundRobinPolicy

    context = None
    if parameters["ca"]:
        context = ssl.create_default_context(cadata=parameters["ca"])
    user, password = parameters["user"], parameters["password"]
    profile = ExecutionProfile(load_balancing_policy=RoundRobinPolicy(), request_timeout=60)
    cluster = Cluster(
        parameters["servers"],
        port=parameters["port"],
        auth_provider=PlainTextAuthProvider(user, password) if user else None,
        ssl_context=context,
        # Of Cassandra 2.2 and later, and what Jaeger speaks.
        protocol_version=4,
        connect_timeout=10,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
    )
    try:
        # Each node that is up gets a connection.
        return cluster.connect(wait_for_all_pools=True)
    except NoHostAvailable as error:
        reasons = "; ".join(f"{node}: {reason}" for node, reason in error.errors.items())
        raise RefusedError(
            f"No Cassandra takes a connection at port {parameters['port']} of "
            f"jaeger_cassandra_servers ({reasons or error}). Nothing was changed. Start it, or "
            "correct jaeger_cassandra_servers, jaeger_cassandra_port, jaeger_cassandra_user, "
            "jaeger_cassandra_password (not shown) or jaeger_cassandra_ca."
        ) from error


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "servers": {"type": "list", "elements": "str", "required": True},
            "port": {"type": "int", "default": 9042},
            "keyspace": {"type": "str", "required": True},
            "datacenter": {"type": "str", "required": True},
            "replication_factor": {"type": "int", "required": True},
            "user": {"type": "str", "default": ""},
            "password": {"type": "str", "default": "", "no_log": True},
            "ca": {"type": "str", "default": ""},
            "schema": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    parameters = module.params
    try:
        session = connect(parameters)
        missing = missing_statements(
            session,
            parameters["schema"],
            parameters["keyspace"],
            parameters["datacenter"],
            parameters["replication_factor"],
        )
    except ImportError as error:
        module.fail_json(
            f"The Python of this host ({error}) has no module cassandra, by which the schema is "
            "created. Nothing was changed. Install it (Debian, Ubuntu: apt-get install "
            "python3-cassandra; elsewhere: pip install cassandra-driver for that Python)."
        )
    except RefusedError as refused:
        module.fail_json(str(refused))
    if not module.check_mode:
        for name, statement in missing.items():
            try:
                session.execute(statement)
            except Exception as error:
                module.fail_json(
                    f"{name} was not created: {error}. What was created before it stays, and "
                    "another run creates the rest."
                )
    module.exit_json(changed=bool(missing), created=list(missing))


if __name__ == "__main__":
    main()
