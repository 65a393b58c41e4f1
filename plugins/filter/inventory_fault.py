"""Filter that finds why playbooks cannot work with an inventory."""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any


def group_fault(
    groups: Mapping[str, Collection[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    needed: Iterable[str],
    query_hosts: Collection[str] | None,
) -> tuple[str, str]:
    """Return what is wrong with an inventory and the fix, both empty if nothing is."""

    def hosts(group: str) -> Collection[str]:
        return groups.get(group, [])

    if "cars" in groups:
        return (
            "has a group cars, which is now called car_app",
            "Rename the group to car_app.",
        )
    fed = [group for group in ("prometheus", "zipkin") if group in groups]
    if fed and not hosts("otel_collector"):
        return (
            f"has the group {' and '.join(fed)}, but no host in the group otel_collector, so "
            "nothing would reach it",
            "Add a host to otel_collector.",
        )
    without_app = sorted(set(hosts("elasticsearch")) - set(hosts("car_app")))
    if without_app:
        return (
            f"has {', '.join(without_app)} in the group elasticsearch, but not in car_app, whose "
            "log lines go to Elasticsearch",
            "Put the hosts that run the car app into the group elasticsearch, and the address of "
            "Elasticsearch itself into elasticsearch_url.",
        )
    # A Prometheus outside of the inventory has its address in a setting of the host.
    without_address = [
        host for host in hosts("grafana") if "grafana_prometheus_url" not in hostvars[host]
    ]
    if without_address and not hosts("prometheus"):
        return (
            "has the group grafana, but no host in the group prometheus, whose metrics the "
            "dashboard shows",
            "Add a host to prometheus, or set grafana_prometheus_url.",
        )
    # Ansible itself would do nothing with an empty group and report success.
    empty = [group for group in needed if not hosts(group)]
    if empty:
        return (
            f"has no host in the group {empty[0]}",
            "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml, and pass "
            "the file with -i.",
        )
    if query_hosts is not None and not query_hosts:
        return (
            "has no host in the group jaeger that answers queries, so that no trace can be read",
            "Add query to jaeger_components of one.",
        )
    return "", ""


def inventory_fault(
    groups: Mapping[str, Collection[str]],
    hostvars: Mapping[str, Mapping[str, Any]],
    sources: Iterable[str],
    needed: Iterable[str],
    query_hosts: Collection[str] | None = None,
) -> str:
    """Return what is wrong with an inventory and the fix, as sentences; empty if nothing is.

    `groups` and `hostvars` are Ansible's variables, `sources` the files of the inventory and
    `needed` the groups that must have hosts. `query_hosts` are those whose Jaeger answers queries,
    where there must be one.
    """
    fault, remedy = group_fault(groups, hostvars, needed, query_hosts)
    if not fault:
        return ""
    return f"The inventory ({', '.join(sources)}) {fault}. Nothing was changed. {remedy}"


class FilterModule:
    def filters(self) -> dict[str, Callable[..., object]]:
        return {"inventory_fault": inventory_fault}
