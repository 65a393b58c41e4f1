"""Inventories with which a playbook cannot work: it refuses them."""

import pytest

from inventory_fault import inventory_fault
from tests.support.commands import run
from tests.support.contract import ELASTICSEARCH, TEARDOWN, VERIFY
from tests.support.lab import failure_output

LAB = {"jaeger": ["web"], "car_app": ["web"]}


def play(playbook: str, inventory, text: str):
    inventory.write_text(text)
    return run("ansible-playbook", "-i", inventory, playbook)


@pytest.mark.parametrize(
    "playbook", ["site.yml", ELASTICSEARCH, VERIFY, "playbooks/status.yml", TEARDOWN]
)
def test_an_inventory_without_hosts_is_refused(tmp_path, playbook):
    inventory = tmp_path / "inventory.yml"
    ran = play(playbook, inventory, "jaegers: {hosts: {server.example.org: }}\n")
    group = "car_app" if playbook == ELASTICSEARCH else "jaeger"
    failure_output(
        ran,
        f"The inventory ({inventory}) has no host in the group {group}. Nothing was changed. "
        "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml",
    )


def test_a_jaeger_that_answers_no_query_is_refused_where_traces_are_read(tmp_path):
    hosts = "{hosts: {server.example.org: {jaeger_components: [collector]}}}"
    text = f"jaeger: {hosts}\ncar_app: {hosts}\n"
    ran = play(VERIFY, tmp_path / "inventory.yml", text)
    failure_output(ran, "no host in the group jaeger that answers queries, so that no trace can")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "has the group grafana, but no host in the group prometheus, whose metrics"),
        # The next check, of the group car_app.
        ("grafana_prometheus_url: http://127.0.0.1:9090", "has no host in the group car_app."),
    ],
    ids=["without Prometheus", "another Prometheus"],
)
def test_the_settings_of_hosts_are_read(tmp_path, setting, message):
    hosts = "{hosts: {server.example.org: {%s}}}"
    text = f"jaeger: {hosts % ''}\ngrafana: {hosts % setting}\n"
    ran = play(VERIFY, tmp_path / "inventory.yml", text)
    failure_output(ran, message, "Nothing was changed.")


@pytest.mark.parametrize(
    ("groups", "hostvars", "fault", "remedy"),
    [
        (
            {"jaeger": ["web"], "cars": ["web"]},
            {},
            "has a group cars, which is now called car_app",
            "Rename the group to car_app.",
        ),
        (
            {**LAB, "zipkin": ["web"]},
            {},
            "has the group zipkin, but no host in the group otel_collector, so nothing "
            "would reach it",
            "Add a host to otel_collector.",
        ),
        (
            {**LAB, "prometheus": [], "zipkin": ["web"], "otel_collector": []},
            {},
            "has the group prometheus and zipkin, but no host in the group otel_collector, so "
            "nothing would reach it",
            "Add a host to otel_collector.",
        ),
        (
            {**LAB, "elasticsearch": ["web", "logs", "lines"]},
            {},
            "has lines, logs in the group elasticsearch, but not in car_app, whose log lines go to "
            "Elasticsearch",
            "Put the hosts that run the car app into the group elasticsearch, and the address of "
            "Elasticsearch itself into elasticsearch_url.",
        ),
        (
            {**LAB, "grafana": ["web", "page"]},
            {"web": {"grafana_prometheus_url": "http://127.0.0.1:9090"}, "page": {}},
            "has the group grafana, but no host in the group prometheus, whose metrics the "
            "dashboard shows",
            "Add a host to prometheus, or set grafana_prometheus_url.",
        ),
        (
            {"jaeger": ["web"], "car_app": []},
            {},
            "has no host in the group car_app",
            "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml, and pass "
            "the file with -i.",
        ),
    ],
)
def test_a_fault_is_named_with_its_remedy(groups, hostvars, fault, remedy):
    message = inventory_fault(groups, hostvars, ["a.yml", "b.yml"], ["jaeger", "car_app"], ["web"])
    assert message == f"The inventory (a.yml, b.yml) {fault}. Nothing was changed. {remedy}"


def test_the_former_group_is_named_before_the_missing_one():
    message = inventory_fault({"cars": ["web"]}, {}, ["a.yml"], ["car_app"])
    assert "has a group cars" in message


@pytest.mark.parametrize(
    ("groups", "hostvars"),
    [
        (LAB, {}),
        ({**LAB, "prometheus": ["web"], "zipkin": ["web"], "otel_collector": ["web"]}, {}),
        ({**LAB, "elasticsearch": ["web"]}, {}),
        (
            {**LAB, "grafana": ["web"], "prometheus": ["web"], "otel_collector": ["web"]},
            {"web": {}},
        ),
        ({**LAB, "grafana": ["web"]}, {"web": {"grafana_prometheus_url": "http://127.0.0.1:9090"}}),
    ],
    ids=["lab", "collector", "elasticsearch", "grafana", "another Prometheus"],
)
def test_an_inventory_whose_groups_fit_together_is_accepted(groups, hostvars):
    assert inventory_fault(groups, hostvars, ["a.yml"], LAB) == ""
    assert inventory_fault(groups, hostvars, ["a.yml"], LAB, ["web"]) == ""
