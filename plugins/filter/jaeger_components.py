"""Filters for Jaeger's components: which run where, on which sockets, and what cannot work.

A component is collector, query or ingester, or all-in-one, which collects and answers queries.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

COMPONENTS = ("all-in-one", "collector", "query", "ingester")
# Kept by Jaeger itself, in its memory or on its disk, where no other component reads it.
OWN_STORES = ("memory", "badger")
# The role's defaults, for hosts whose inventory does not set these.
DEFAULTS: dict[str, Any] = {
    "jaeger_components": ["all-in-one"],
    "jaeger_span_storage_type": "memory",
    "jaeger_kafka_topic": "jaeger-spans",
    "jaeger_cassandra_keyspace": "jaeger_v1_dc1",
    "jaeger_elasticsearch_index_prefix": "",
}
# What says in which engine spans are, and where there.
ENGINE_SETTINGS = {
    "cassandra": ("jaeger_cassandra_servers", "jaeger_cassandra_keyspace"),
    "elasticsearch": ("jaeger_elasticsearch_urls", "jaeger_elasticsearch_index_prefix"),
    "opensearch": ("jaeger_elasticsearch_urls", "jaeger_elasticsearch_index_prefix"),
    "kafka": ("jaeger_kafka_brokers", "jaeger_kafka_topic"),
}
HostVars = Mapping[str, Mapping[str, Any]]


def setting(variables: Mapping[str, Any], name: str) -> Any:
    """Return a setting of a host, or its default."""
    return variables.get(name, DEFAULTS.get(name, []))


def has_part(components: Iterable[str], part: str) -> bool:
    """Return whether the components do the work of a part: collector, query or ingester."""
    return part in components or ("all-in-one" in components and part != "ingester")


def jaeger_hosts(hosts: Iterable[str], hostvars: HostVars, part: str) -> list[str]:
    """Return those hosts, in order, whose components do the work of a part."""
    return [host for host in hosts if has_part(setting(hostvars[host], "jaeger_components"), part)]


def component_unit(component: str) -> str:
    """Return the name of a component's unit."""
    return "jaeger.service" if component == "all-in-one" else f"jaeger-{component}.service"


def component_units(
    components: Iterable[str], files: Iterable[str] = (), has_programs: bool = True
) -> list[dict[str, Any]]:
    """Return each component's unit with the files that it uses: its program and `files`.

    In a container, it has no program on the host.
    """
    return [
        {
            "unit": component_unit(component),
            "files": [*[f"/usr/local/bin/jaeger-{component}"] * has_programs, *files],
        }
        for component in components
    ]


def component_listeners(
    sockets: Iterable[Mapping[str, Any]], components: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the sockets that each component listens on, as listeners of its unit.

    A socket names its `components`. A listener may take its port over from the units of the other
    components, which the run removes.
    """
    units = {component_unit(component) for component in COMPONENTS}
    return [
        {
            **{key: value for key, value in socket.items() if key != "components"},
            "component": component,
            "unit": component_unit(component),
            "replaces": sorted(units - {component_unit(each) for each in components}),
        }
        for component in components
        for socket in sockets
        if component in socket["components"]
    ]


def component_flags(arguments: Iterable[str], component: str) -> list[str]:
    """Return those of some flags, "--flag=value" or flag and value, that a component knows.

    Flags of the collector begin with `collector`, and so on; all others are everyone's.
    """
    prefixes = {
        "collector": ("collector.", "kafka.producer.", "sampling."),
        "query": ("query.", "prometheus."),
        "ingester": ("ingester.", "kafka.consumer."),
    }
    others = [p for part, own in prefixes.items() if not has_part([component], part) for p in own]
    flags = []
    is_own = True
    for argument in arguments:
        if argument.startswith("-"):
            is_own = not argument.lstrip("-").startswith(tuple(others))
        if is_own:
            flags.append(argument)
    return flags


def component_errors(components: list[str] | str, storage: str) -> list[str]:
    """Return a message for each choice of components and storage that cannot work on a host."""
    end = "Nothing was changed."
    shown = components if isinstance(components, str) else ", ".join(map(str, components)) or "[]"
    if (
        isinstance(components, str)
        or not components
        or not set(components) <= set(COMPONENTS)
        or len(set(components)) < len(components)
        or ("all-in-one" in components and len(components) > 1)
    ):
        return [
            f"jaeger_components is {shown}, but must be a list of collector, query and ingester, "
            f"each at most once, or of all-in-one alone, such as [collector, query]. {end}"
        ]
    if storage in OWN_STORES and components != ["all-in-one"]:
        return [
            f"jaeger_components is {shown}, but with jaeger_span_storage_type {storage} each "
            f"component would have traces of its own, which no other reads. {end} Set "
            "jaeger_span_storage_type to cassandra, elasticsearch or opensearch, or "
            "jaeger_components: [all-in-one]."
        ]
    if storage == "kafka" and components != ["collector"]:
        return [
            f"jaeger_span_storage_type is kafka, but jaeger_components is {shown}: only a "
            f"collector writes to Kafka, and nothing can be read there. {end} Set "
            "jaeger_components: [collector], and on the other hosts the engine to which their "
            "ingester writes."
        ]
    return []


# What the settings of each engine must be like: a pattern of the value, or of each in a list; what
# that means, and an example.
NODE = r"[0-9A-Za-z.-]+"
FORMS = {
    "cassandra": {
        "jaeger_cassandra_servers": (
            NODE,
            "a list of names or IPv4 addresses without a port, such as [10.0.0.5, 10.0.0.6]",
        ),
        "jaeger_cassandra_keyspace": (
            "[a-z][a-z0-9_]{0,47}",
            "a name of lowercase letters, digits and underscores, such as jaeger_v1_dc1",
        ),
        "jaeger_cassandra_datacenter": (
            "[0-9A-Za-z._-]+",
            "a name of letters, digits and . _ - such as datacenter1",
        ),
    },
    "elasticsearch": {
        "jaeger_elasticsearch_urls": (
            rf"https?://{NODE}:\d+(/[^\s@,]*[^\s@,/])?",
            "a list of URLs with a port and without a user or a slash at the end, such as "
            "[https://es.example.org:9200]",
        ),
        "jaeger_elasticsearch_index_prefix": (
            "([a-z0-9][a-z0-9._-]*)?",
            "lowercase letters, digits and . _ - such as lab, or empty",
        ),
    },
    "kafka": {
        "jaeger_kafka_brokers": (
            rf"{NODE}:\d+",
            "a list of addresses with a port, such as ['10.0.0.7:9092']",
        ),
        "jaeger_kafka_topic": (
            "[0-9A-Za-z._-]+",
            "a name of letters, digits and . _ - such as jaeger-spans",
        ),
    },
}


def form_errors(settings: Mapping[str, Any], engine: str) -> list[str]:
    """Return a message for each setting of an engine that is not as it must be."""
    messages = []
    for name, (pattern, meaning) in FORMS[engine].items():
        value = settings[name]
        # The settings in the plural are lists.
        is_list = isinstance(value, list)
        values = value if is_list else [value]
        if (
            is_list != name.endswith("s")
            or not values
            or not all(re.fullmatch(pattern, str(each)) for each in values)
        ):
            shown = re.sub(r"//[^'\"\s,]*@", "//", str(value))
            messages.append(
                f"{name} is {shown or 'empty'}, but must be {meaning}. Nothing was changed."
            )
    return messages


def password_errors(settings: Mapping[str, Any], engine: str, is_open: bool) -> list[str]:
    """Return a message if user and password of an engine are wrong, or would be sent in clear."""
    user, password = (str(settings[f"jaeger_{engine}_{name}"]) for name in ("user", "password"))
    if bool(user) != bool(password) or "\n" in password or re.search(r"[\s:]", user):
        return [
            f"jaeger_{engine}_user is {user or 'empty'}, and jaeger_{engine}_password (not shown) "
            f"is {'set' if password else 'empty'}; set both or neither, the user without spaces "
            "and colons, and the password on one line. Nothing was changed."
        ]
    if user and is_open:
        remedy = {
            "cassandra": "Set jaeger_cassandra_ca, with which Jaeger speaks TLS",
            "elasticsearch": "Write https in jaeger_elasticsearch_urls",
        }[engine]
        return [
            f"jaeger_{engine}_password (not shown) would go to another host in clear. Nothing was "
            f"changed. {remedy}."
        ]
    return []


def engine_errors(
    settings: Mapping[str, Any], storage: str, components: Iterable[str], is_open: bool
) -> list[str]:
    """Return a message for each wrong setting of the engines that a host's components use.

    `settings` are the role's, by name; `is_open` is whether they go to another host without TLS.
    """
    messages = []
    if storage == "cassandra":
        messages += form_errors(settings, "cassandra")
        messages += password_errors(settings, "cassandra", is_open)
    if storage in ("elasticsearch", "opensearch"):
        messages += form_errors(settings, "elasticsearch")
        messages += password_errors(settings, "elasticsearch", is_open)
    if storage == "kafka" or "ingester" in components:
        messages += form_errors(settings, "kafka")
    return messages


def engine_of(variables: Mapping[str, Any]) -> tuple[str, frozenset[str], str]:
    """Return the engine in which a host's spans are: its type, addresses and place there."""
    storage = setting(variables, "jaeger_span_storage_type")
    addresses, place = ENGINE_SETTINGS.get(storage, ("", ""))
    return storage, frozenset(setting(variables, addresses)), str(setting(variables, place))


def share_engine(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two hosts have their spans in the same place of the same engine."""
    (storage, addresses, place), (other_storage, other_addresses, other_place) = (
        engine_of(one),
        engine_of(other),
    )
    # Of a cluster, each may name other nodes.
    near = bool(addresses & other_addresses) or storage == "cassandra"
    return storage == other_storage and place == other_place and near


def unread_errors(host: str, hostvars: HostVars, hosts: Iterable[str]) -> list[str]:
    """Return a message if a host's spans would stay in Kafka, because no ingester reads them.

    `hosts` are all that have a component of Jaeger.
    """
    own = hostvars[host]
    topic = setting(own, "jaeger_kafka_topic")
    if setting(own, "jaeger_span_storage_type") != "kafka" or any(
        setting(hostvars[other], "jaeger_kafka_topic") == topic
        for other in jaeger_hosts(hosts, hostvars, "ingester")
    ):
        return []
    return [
        f"jaeger_span_storage_type is kafka on {host}, but no host in the group jaeger has an "
        f"ingester for jaeger_kafka_topic {topic}, so no trace would leave Kafka. Nothing was "
        "changed. Add a host with jaeger_components: [ingester] and the engine to which it writes."
    ]


def unread_warnings(host: str, hostvars: HostVars, hosts: Iterable[str]) -> list[str]:
    """Return a message if a host writes spans where no query of the inventory reads.

    `hosts` are all that have a component of Jaeger. There may be a query elsewhere.
    """
    own = hostvars[host]
    storage = setting(own, "jaeger_span_storage_type")
    components = setting(own, "jaeger_components")
    writes = has_part(components, "collector") or has_part(components, "ingester")
    if not writes or storage in (*OWN_STORES, "kafka"):
        return []
    if any(share_engine(own, hostvars[o]) for o in jaeger_hosts(hosts, hostvars, "query")):
        return []
    place = engine_of(own)[2]
    return [
        f"{host} writes spans to {storage}{f' ({place})' if place else ''}, and no host in the "
        "group jaeger with the component query reads them there."
    ]


def split_stores(endpoints: list[str] | str, hostvars: HostVars, hosts: Iterable[str]) -> list[str]:
    """Return the hosts among which the traces would be split that are sent to the endpoints.

    These are the hosts with a store of their own, memory or badger, at whose addresses several of
    the endpoints lead; none if only one host has such a store.
    """
    urls = [endpoints] if isinstance(endpoints, str) else endpoints
    if len(urls) < 2:
        return []
    addresses = {urlsplit(url).hostname for url in urls}
    found = [
        host
        for host in hosts
        if setting(hostvars[host], "jaeger_span_storage_type") in OWN_STORES
        and addresses & {host, str(hostvars[host].get("ansible_host", host))}
    ]
    return found if len(found) > 1 else []


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {
            "component_errors": component_errors,
            "component_flags": component_flags,
            "component_listeners": component_listeners,
            "component_units": component_units,
            "engine_errors": engine_errors,
            "jaeger_hosts": jaeger_hosts,
            "split_stores": split_stores,
            "unread_errors": unread_errors,
            "unread_warnings": unread_warnings,
        }
