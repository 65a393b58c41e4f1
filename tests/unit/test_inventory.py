"""Inventories that name no host where one is needed: a playbook refuses them."""

import pytest

from tests.support.commands import run
from tests.support.contract import ELASTICSEARCH, TEARDOWN, VERIFY
from tests.support.lab import failure_output


def play(playbook: str, inventory, text: str):
    inventory.write_text(text)
    return run("ansible-playbook", "-i", inventory, playbook)


@pytest.mark.parametrize("playbook", ["site.yml", VERIFY, "playbooks/status.yml", TEARDOWN])
def test_an_inventory_without_hosts_is_refused(tmp_path, playbook):
    inventory = tmp_path / "inventory.yml"
    ran = play(playbook, inventory, "jaegers: {hosts: {server.example.org: }}\n")
    failure_output(
        ran,
        f"The inventory ({inventory}) has no host in the group jaeger. Nothing was changed. "
        "Add your host to the groups jaeger and car_app, as in inventory/hosts.yml",
    )


def test_the_former_group_is_refused_with_the_new_name(tmp_path):
    hosts = "{hosts: {server.example.org: }}"
    ran = play("site.yml", tmp_path / "inventory.yml", f"jaeger: {hosts}\ncars: {hosts}\n")
    message = "has a group cars, which is now called car_app. Nothing was changed."
    failure_output(ran, message)


@pytest.mark.parametrize("playbook", ["site.yml", ELASTICSEARCH, VERIFY])
def test_a_host_that_sends_log_lines_must_run_the_car_app(tmp_path, playbook):
    lab, logs = "{hosts: {server.example.org: }}", "{hosts: {logs.example.org: }}"
    text = f"jaeger: {lab}\ncar_app: {lab}\nelasticsearch: {logs}\n"
    failure_output(
        play(playbook, tmp_path / "inventory.yml", text),
        "has logs.example.org in the group elasticsearch, but not in car_app, whose log lines go "
        "to Elasticsearch. Nothing was changed.",
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("", "has the group grafana, but no host in the group prometheus, whose metrics"),
        # The next check, of the group car_app.
        ("grafana_prometheus_url: http://127.0.0.1:9090", "has no host in the group car_app."),
    ],
    ids=["without Prometheus", "another Prometheus"],
)
def test_grafana_needs_a_prometheus(tmp_path, setting, message):
    hosts = "{hosts: {server.example.org: {%s}}}"
    text = f"jaeger: {hosts % ''}\ngrafana: {hosts % setting}\n"
    ran = play(VERIFY, tmp_path / "inventory.yml", text)
    failure_output(ran, message, "Nothing was changed.")
