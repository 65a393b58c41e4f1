"""Filters that find wrong flags for Jaeger: its base path, and those in addition to its unit's."""

import re
from collections.abc import Callable, Iterable

# What to set in place of a flag, by a pattern of its name.
SETTINGS = {
    r"query\.base-path": "jaeger_query_base_path",
    r"query\.ui-config": "jaeger_query_ui_config",
    r"span-storage\.type": "jaeger_span_storage_type",
    r"memory\.max-traces": "jaeger_memory_max_traces",
    r"badger\.span-store-ttl": "jaeger_badger_span_store_ttl",
    r"cassandra\.servers": "jaeger_cassandra_servers",
    r"cassandra\.port": "jaeger_cassandra_port",
    r"cassandra\.keyspace": "jaeger_cassandra_keyspace",
    r"cassandra\.local-dc": "jaeger_cassandra_datacenter",
    r"cassandra\.username": "jaeger_cassandra_user",
    r"cassandra\.password": "jaeger_cassandra_password",
    r"cassandra\.tls\..+": "jaeger_cassandra_ca",
    r"es\.server-urls": "jaeger_elasticsearch_urls",
    r"es\.index-prefix": "jaeger_elasticsearch_index_prefix",
    r"es\.num-replicas": "jaeger_elasticsearch_num_replicas",
    r"es\.username": "jaeger_elasticsearch_user",
    r"es\.password(-file)?": "jaeger_elasticsearch_password",
    r"es\.tls\..+": "jaeger_elasticsearch_ca",
    r"kafka\.(producer|consumer)\.brokers": "jaeger_kafka_brokers",
    r"kafka\.(producer|consumer)\.topic": "jaeger_kafka_topic",
    r"collector\.otlp\.(grpc|http)\.tls\..+": "jaeger_collector_otlp_tls_cert",
    r"query\.http\.tls\..+": "reverse_proxy_password, which serves the page by HTTPS,",
}
# Listeners without a setting, and what would keep requests or spans from Jaeger.
FIXED = (
    r".*\bhost-port|.+\.tls\..+|badger\.(ephemeral|directory-.+)|config-file"
    r"|collector\.otlp\.enabled|multi-tenancy\..+"
)


def refused_flags(arguments: list[str] | str, listeners: Iterable[dict[str, str]]) -> list[str]:
    """Return a message for each flag that changes what other parts of the lab rely on.

    `arguments` are those of Jaeger's programs, "--flag=value" or flag and value one after the
    other. A listener has its `flag` and, unless its address is fixed, its `setting`.
    """
    # Ansible takes a text for a list, but does not make it one.
    if isinstance(arguments, str):
        return [
            f"jaeger_extra_args is {arguments}, but must be a list, even of a single flag. "
            "Nothing was changed."
        ]
    settings = {re.escape(item["flag"]): item["setting"] for item in listeners if "setting" in item}
    settings |= SETTINGS
    messages = []
    for argument in arguments:
        flag = re.match(r"--?([\w.-]+)", argument)
        if not flag or flag[1].startswith("prometheus."):
            continue
        setting = next((settings[name] for name in settings if re.fullmatch(name, flag[1])), "")
        if setting or re.fullmatch(FIXED, flag[1]):
            remedy = f"Set {setting} instead." if setting else "Remove it."
            messages.append(
                f"jaeger_extra_args has --{flag[1]}, but other parts of the lab rely on what it "
                f"changes. Nothing was changed. {remedy}"
            )
    return messages


def base_path_errors(path: str) -> list[str]:
    """Return a message if Jaeger, or nginx in front of it, would not take the base path."""
    if re.fullmatch(r"/|(/[0-9A-Za-z_~-][0-9A-Za-z._~-]*)+", path):
        return []
    return [
        f"jaeger_query_base_path is {path}, but must be / or a path such as /jaeger, which has "
        "only letters, digits and . _ ~ - between its slashes. Nothing was changed."
    ]


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"base_path_errors": base_path_errors, "refused_flags": refused_flags}
